//! The stored ideas for a prompt: what is handed out when the language model gives none.

/// Ideas for an image, one or two sentences each, under 200 characters, without quotes.
pub(crate) const SUGGESTIONS: &[&str] = &[
    // Oil, acrylic, gouache, tempera
    "An oil painting of a fishing village at first light, gulls over the nets and the hills still blue.",
    "A loose oil sketch of a crowded tram in the rain, seen through a fogged window, warm lamps inside.",
    "A baroque still life in oil: pomegranates, a brass telescope and a moth drawn to the only candle.",
    "An impressionist painting of a market garden in August, thick dabs of paint, ladders against plum trees.",
    "A gouache illustration of a night train crossing a viaduct under an enormous moon.",
    "A palette knife painting of an autumn birch wood, slabs of ochre, rust and cold white.",
    "An egg tempera panel of a gardener saint surrounded by bees, gold leaf halo, flat Italian hills.",
    "A dramatic chiaroscuro portrait of an old clockmaker, one hand in the light, the workshop in shadow.",
    "An acrylic pour in turquoise, copper and black that happens to look like a river delta from above.",
    "A romantic painting of a lighthouse in a storm, tiny figures on the rocks, light breaking through cloud.",
    "A naive folk painting of a village wedding in winter, everyone dancing, every snowflake in its place.",
    "A fauvist harbour with pink water, green masts and a violet sun, painted in broad flat strokes.",
    // Watercolour and ink
    "A watercolour of a kingfisher on a rusted bicycle, wet edges, plenty of white paper left bare.",
    "A delicate watercolour map of an imaginary island, with whales, sea monsters and a compass rose.",
    "An old greenhouse taken over by ferns, in watercolour, light falling in long pale stripes.",
    "An ink wash painting of a heron in the reeds, three strokes for the bird and mist for all the rest.",
    "A loose ink and watercolour sketch of a Lisbon stairway, laundry, cats and one yellow tram.",
    "A botanical plate in watercolour of a plant that does not exist, with labelled seeds and roots.",
    "A sumi-e carp turning in black water, a single red petal floating above it.",
    "A pen drawing of a house with a hundred rooms, cut open like a doll house, a story in each room.",
    "A crosshatched ink drawing of a library inside a whale, lanterns hung from the ribs.",
    "A children's book watercolour of a bear who delivers letters by balloon over a patchwork of fields.",
    "A rainy street in watercolour, umbrellas as bright blots, their reflections running down the page.",
    "A field notebook page of mushrooms, quick watercolour studies with pencil notes in the margins.",
    // Woodcut, linocut, etching, screen print
    "A woodcut of a great wave made of galloping horses, indigo and cream, visible grain of the wood.",
    "A two-colour linocut of a fox asleep in a hollow tree while snow falls around it.",
    "A Japanese woodblock print of a space elevator rising behind a tea house at dusk.",
    "An etching of a city built on the back of a tortoise, dense fine lines, stained old paper.",
    "A screen print poster of a mountain railway in four flat colours, bold shapes, lots of sky.",
    "A medieval woodcut of an astronomer arguing with the moon, clumsy perspective, hand coloured.",
    "A mezzotint of an empty theatre, one lamp left burning on the stage, velvet blacks.",
    "A risograph print of overlapping fruit in fluorescent pink and teal, slightly out of register.",
    "A lithograph travel poster for a seaside town on the moon, striped umbrellas under a black sky.",
    "A botanical linocut of artichokes and thistles, deep green on rough handmade paper.",
    // Photography
    "A long exposure photograph of a ferris wheel at blue hour, rings of light over a quiet beach.",
    "A macro photograph of dew on a dandelion clock, a whole sunrise upside down in every drop.",
    "A black and white photograph of a jazz trio in a basement, smoke, a single hard light from the left.",
    "An aerial photograph of salt ponds at noon, a mosaic of rose, rust and jade cut by white dykes.",
    "A candid photograph of a grandmother teaching a robot to make dumplings, flour in the morning light.",
    "A tilt-shift photograph of a harbour that makes the ferries and cranes look like toys.",
    "A pinhole photograph of an abandoned fairground, soft corners, ghostly carousel horses.",
    "A wildlife photograph of a snow leopard on a ridge at dusk, breath visible, valley far below.",
    "A studio photograph of a single pear dressed as a king, dark backdrop, soft window light.",
    "A faded colour photograph from a family album: a picnic in 1974 beside a landed flying saucer.",
    "An underwater photograph of a ballerina among jellyfish, shafts of light from the surface.",
    "An infrared photograph of an oak avenue, white leaves, black sky, a lone cyclist.",
    "A night photograph of a desert petrol station, neon reflected in a puddle, stars to the horizon.",
    "A cyanotype of ferns, feathers and an old key, deep Prussian blue with brushed edges.",
    "A street photograph after rain, a red umbrella the only colour in a grey crossing.",
    "A food photograph of a volcano made of blueberry pie, steam rising, crumbs in the foreground.",
    // Pixel art, games, isometric
    "Pixel art of a ramen stall in an alley at night, steam, lanterns and a sleeping cat, 16-bit palette.",
    "An isometric pixel art greenhouse on an asteroid, one gardener robot, tomatoes under glass.",
    "A side-scrolling pixel art forest with parallax layers, fireflies and a knight resting by a well.",
    "An isometric cutaway of a submarine run by otters, every cabin busy, clean flat colours.",
    "A low-poly island with a windmill, a waterfall and a very small dragon, soft pastel light.",
    "A voxel model of a Venetian canal at carnival, confetti as tiny cubes, glowing windows.",
    "A pixel art aquarium in eight colours where one of the fish is wearing a diving helmet.",
    "A strategy game map of a breakfast table: the butter mountains, the coffee sea, the crumb desert.",
    // Claymation, paper, textiles, craft
    "A claymation scene of two snails racing across a kitchen table, thumbprints visible in the clay.",
    "A paper cut diorama of a deep forest, seven layers lit from behind, a deer between the trunks.",
    "An embroidered night sky on dark linen, french knots for stars and satin stitch for the moon.",
    "A patchwork quilt whose squares are the fields of a valley seen from a balloon.",
    "A felted wool city under falling felted snow, trams on a string, soft studio light.",
    "An origami crane migrating over a paper sea, folds casting crisp blue shadows.",
    "A knitted dragon guarding a heap of buttons, shallow depth of field, cosy lamp light.",
    "A medieval tapestry of astronauts hunting a unicorn on a flowered meadow.",
    "A stop-motion puppet of a lonely postman in a cardboard town, painted backdrop of clouds.",
    "A cross-stitch sampler of a haunted house, tidy alphabet above, a ghost in every window.",
    "A mosaic of tiny coloured tiles showing a peacock whose tail becomes a garden.",
    "A stained glass window of a scientist at her microscope, cobalt, ruby and gold light on the floor.",
    "A wicker and willow whale stranded in a wheat field, children climbing through its ribs.",
    "A ceramic plate painted in blue with a scene of skaters, windmills and one small spaceship.",
    "A shadow puppet theatre telling the story of a tiger who learned to read, amber backlight.",
    "A macrame owl the size of a house hanging between two pines, morning fog.",
    // Blueprint, diagram, cartography
    "A blueprint of a mechanical hummingbird, white lines on blue, exploded view with numbered parts.",
    "A patent drawing for an umbrella that grows from a seed, several figures, neat shading lines.",
    "A cutaway diagram of an ant hill as a modern office tower, meeting rooms and a busy post room.",
    "An antique celestial chart with invented constellations: the Teapot, the Bicycle, the Sleeping Dog.",
    "A subway map of the human heart, coloured lines, tidy interchanges, a legend in the corner.",
    "A naturalist's chart of clouds as sea creatures, each drawn and named in careful lettering.",
    "An architect's section through a treehouse hotel, ink lines, flat trees, tiny guests with suitcases.",
    "A topographic map whose contour lines form the profile of a sleeping woman.",
    // Design movements and posters
    "An art nouveau poster of the north wind as a dancer, whiplash curves, muted gold and sage.",
    "An art deco ocean liner seen from the waterline, heroic angle, cream, black and brass.",
    "A Bauhaus composition of a tightrope walker made only of circles, bars and one red triangle.",
    "A constructivist poster that celebrates the common house sparrow, diagonal type blocks left empty.",
    "A mid-century modern illustration of a cocktail party of penguins, boomerang shapes and atomic stars.",
    "A psychedelic concert poster of melting sunflowers, vibrating orange and violet, hand drawn curves.",
    "A cubist cafe table: a newspaper, a clarinet, half a lemon and five views of the same cup.",
    "A surrealist desert where grand pianos graze like cattle under a door standing in the sky.",
    "A pop art refrigerator full of planets, halftone dots, thick outlines, primary colours.",
    "A minimalist poster of a lone kayak on a huge pale lake, two colours and one thin line of shore.",
    "A vaporwave greenhouse with marble busts, palm trees, a grid floor and a pink-to-cyan sunset.",
    "A Memphis style living room with squiggles, terrazzo, a checkered sofa and a very calm greyhound.",
    // Science fiction and fantasy
    "A floating market of airships above the clouds, sacks of spice, ropes, sunrise from below.",
    "A retro-futurist kitchen of the year 2000 as imagined in 1955, chrome, a flying toaster, delighted cook.",
    "A solarpunk city terrace with vines, wind turbines like flowers and neighbours sharing lunch.",
    "A cyberpunk noodle bar in the rain, holograms of koi swimming between the towers.",
    "An astronaut reading under an apple tree on Mars, red dust, the dome faintly reflecting the sun.",
    "A dragon curled around a lighthouse to keep warm, the keeper bringing it a bucket of fish.",
    "A giant walking slowly across a valley with a village, church and all, on its mossy back.",
    "A wizard's cluttered desk seen from above: maps, moths, an open jar of lightning, a cold tea.",
    "A generation starship's orchard deck, bees drifting in low gravity, curved horizon of trees.",
    "A derelict robot in a meadow, birds nesting in its chest, wildflowers up to its knees.",
    "A bridge between two moons, a single caravan with lanterns half way across.",
    "A steam-powered elephant in a city parade, brass, banners, a crowd in top hats.",
    "A tiny shop that sells bottled weather, shelves of fog, thunder and one small rainbow.",
    "A cathedral grown from living coral, choir stalls full of seahorses, green light from above.",
    // Animals and characters
    "A portrait of a raccoon as a nineteenth-century admiral, medals, stern look, stormy sea behind.",
    "Three cats running a bookshop, one on the ladder, one at the till, one asleep in the window.",
    "An octopus conducting an orchestra of crabs on a moonlit beach, eight batons raised.",
    "A hedgehog baker carrying a tray of buns through a snowy village before dawn.",
    "A fox in a yellow raincoat waiting for the last bus, puddles full of street light.",
    "A council of owls around a stone table, maps unrolled, one of them has fallen asleep.",
    "A whale swimming through the clouds above a terraced rice valley, farmers looking up.",
    "A corgi astronaut planting a bone-shaped flag on a small round moon.",
    "An elderly tortoise tending a bonsai on its own back, quiet temple garden, maple leaves falling.",
    "A parade of snails with lanterns for shells crossing a mossy log at midnight.",
    // Places, light and weather
    "A wooden cabin on a frozen lake, northern lights overhead, one warm window.",
    "A spiral staircase of stone descending into a flooded library, books floating like boats.",
    "A terraced tea plantation after the rain, mist between the hills, a red path winding up.",
    "A desert caravanserai at sunset, camels, carpets and long violet shadows.",
    "A rooftop garden in a dense city during the first snow, tomatoes still red under white caps.",
    "A canyon painted by evening light, a thin river and a thinner road side by side.",
    "A Mediterranean courtyard at noon, lemon trees, a tiled fountain and a dog in the only shade.",
    "A railway station in the middle of a wheat field, nobody on the platform, storm coming.",
    "A field of sunflowers at night, all turned towards a small travelling circus.",
    "An old harbour in thick fog, only mast tops and the glow of a fish market.",
    "A bamboo forest path lit by paper lanterns, rain just over, every leaf shining.",
    "A tide pool as a tiny kingdom, anemone palaces, a hermit crab in a crown of barnacles.",
    // Abstract
    "The sound of a cello as an abstract painting, deep browns, slow curves, one bright scratch.",
    "An abstract composition of overlapping translucent circles in sea glass colours on warm paper.",
    "The four seasons as four bands of texture: frost, petals, dust and rust.",
    "A geometric mountain range of folded paper triangles that fades from indigo to peach.",
    "Generative flow lines that gather into the shape of a sleeping bird, black ink on cream.",
    "The feeling of coming home after a long journey, in three colours and as few shapes as possible.",
];

#[cfg(test)]
mod tests {
    use super::{super::clean, SUGGESTIONS};
    use std::collections::{BTreeMap, HashSet};

    /// Ways to make a picture. Some ideas name none: they leave it to the model.
    const MEDIA: [&str; 30] = [
        "oil",
        "watercolour",
        "gouache",
        "tempera",
        "acrylic",
        "ink",
        "woodcut",
        "linocut",
        "etching",
        "screen print",
        "lithograph",
        "photograph",
        "cyanotype",
        "pixel art",
        "low-poly",
        "isometric",
        "claymation",
        "paper",
        "origami",
        "embroidered",
        "knitted",
        "tapestry",
        "mosaic",
        "stained glass",
        "ceramic",
        "blueprint",
        "map",
        "poster",
        "bauhaus",
        "abstract",
    ];

    #[test]
    fn there_are_many_suggestions_and_no_two_begin_alike() {
        assert!(SUGGESTIONS.len() >= 100, "{}", SUGGESTIONS.len());
        let mut beginnings = HashSet::new();
        for suggestion in SUGGESTIONS {
            let words = suggestion.split_whitespace().take(3).collect::<Vec<_>>();
            let beginning = words.join(" ").to_lowercase();
            assert!(beginnings.insert(beginning), "{suggestion}");
        }
    }

    #[test]
    fn they_are_in_many_media_and_no_medium_has_more_than_a_fifth() {
        let mut uses: BTreeMap<&str, usize> = BTreeMap::new();
        for suggestion in SUGGESTIONS {
            let text = format!(" {}", suggestion.to_lowercase());
            for medium in MEDIA {
                let is_used = text.contains(&format!(" {medium}"));
                *uses.entry(medium).or_default() += usize::from(is_used);
            }
        }
        for (medium, uses) in uses {
            assert!(
                (1..=SUGGESTIONS.len() / 5).contains(&uses),
                "{medium}: {uses}"
            );
        }
    }

    #[test]
    fn every_suggestion_can_be_sent_as_it_is() {
        for suggestion in SUGGESTIONS {
            assert_eq!(clean::clean(suggestion).as_deref(), Some(*suggestion));
            let length = suggestion.chars().count();
            assert!((20..200).contains(&length), "{length}: {suggestion}");
            assert!(suggestion.ends_with('.'), "{suggestion}");
            assert!(
                !suggestion.contains(['"', '“', '”', '„', '«', '»', '`']),
                "{suggestion}"
            );
            // An apostrophe within a word is no quote.
            let quoted = suggestion.contains(" '") || suggestion.contains("' ");
            assert!(!quoted, "{suggestion}");
        }
    }
}
