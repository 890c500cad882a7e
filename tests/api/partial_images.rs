//! Previews of pictures in the making, as the provider streams them.

mod canceled;
mod maker;

use crate::upstream::{Answer, Gate, picture};
use bytes::Bytes;
use maker::{Maker, failure, request};
use serde_json::json;
use std::time::{Duration, Instant};
use visionary::{
    image_format::ImageFormat,
    images::{PartialImages, demo::DemoPainter, generate_all, memory::ImageMemory},
    openai::UpstreamError,
};

const MEBIBYTE: usize = 1024 * 1024;

#[tokio::test]
async fn previews_come_while_the_picture_is_in_the_making() {
    let maker = Maker::start().await;
    let (preview, finished) = (picture::png(32, 32), picture::png(64, 64));
    let gate = Gate::closed();
    let answer = Answer::image_stream(std::slice::from_ref(&preview), finished.clone());
    let behind_preview = answer.length_of_events(1);
    maker
        .upstream
        .push(answer.paused_after(behind_preview, &gate));
    let (partials, mut receiver) = PartialImages::channel();
    let options = json!({"partial_images": 1, "size": "1024x1024"});
    let mut generation = Box::pin(maker.generate(&options, Some(&partials)));
    let early = tokio::select! {
        early = receiver.recv() => early.unwrap(),
        outcome = &mut generation => panic!("no preview before {outcome:?}"),
    };
    assert_eq!((early.image_index, early.partial_index), (0, 0));
    assert_eq!((early.format, &early.bytes), (ImageFormat::Png, &preview));
    gate.open();
    let generation = generation.await.unwrap();
    assert_eq!(generation.images[0].bytes, finished);
    assert_eq!(generation.images[0].dimensions, (64, 64));
    assert_eq!(generation.usage.as_ref().unwrap()["total_tokens"], 1168);
    assert!(generation.images[0].usage.is_some());
    assert!(generation.images[0].upstream_request_id.is_some());
    assert_eq!((generation.attempts, generation.warnings.len()), (1, 0));
    let sent = json!({"model": "gpt-image-2", "prompt": "a", "n": 1, "size": "1024x1024",
        "stream": true, "partial_images": 1});
    assert_eq!(maker.sent(), [sent]);
    let accept = maker.upstream.requests()[0]
        .header("accept")
        .map(str::to_owned);
    assert!(accept.unwrap().contains("text/event-stream"));
}

#[tokio::test]
async fn each_picture_has_a_call_and_previews_of_its_own() {
    let maker = Maker::start().await;
    let gates = [Gate::closed(), Gate::closed(), Gate::closed()];
    for (gate, side) in gates.iter().zip([16, 17, 18]) {
        let stream = Answer::image_stream(&[picture::png(side, 16)], picture::png(side, 32));
        maker.upstream.push(stream.held_by(gate));
    }
    let (partials, mut receiver) = PartialImages::channel();
    let options = json!({"n": 3});
    let (outcome, mut previews) = tokio::join!(maker.generate(&options, Some(&partials)), async {
        let mut previews = Vec::new();
        for gate in gates {
            gate.open();
            let preview = receiver.recv().await.unwrap();
            let (width, _) = picture::png_dimensions(&preview.bytes).unwrap();
            previews.push((preview.image_index, width));
        }
        previews
    });
    previews.sort_unstable();
    let images = outcome.unwrap().images.into_iter().zip(0..);
    let images: Vec<(u8, u32)> = images
        .map(|(image, index)| (index, image.dimensions.0))
        .collect();
    assert_eq!(
        previews, images,
        "a preview is known by its picture's index"
    );
    for body in maker.sent() {
        assert_eq!(
            (&body["n"], &body["partial_images"]),
            (&json!(1), &json!(2))
        );
    }
    assert_eq!(maker.sent().len(), 3);
}

#[tokio::test]
async fn nothing_of_streams_is_sent_where_no_previews_are_wanted_or_known() {
    let maker = Maker::start().await;
    let only_in_streams = "partial_images is used in an event stream only";
    let unused = "partial_images is not used by the provider openai";
    for (options, is_stream, warnings) in [
        (json!({}), false, vec![]),
        (json!({"partial_images": 3}), false, vec![only_in_streams]),
        (json!({"partial_images": 0}), true, vec![]),
        (json!({"model": "dall-e-3"}), true, vec![]),
        (
            json!({"model": "dall-e-3", "partial_images": 1}),
            true,
            vec![unused],
        ),
        (
            json!({"model": "mine", "partial_images": 1}),
            true,
            vec![unused],
        ),
        (
            json!({"model": "mine", "partial_images": 1}),
            false,
            vec![unused],
        ),
    ] {
        let (partials, _previews) = PartialImages::channel();
        let generation = maker
            .generate(&options, is_stream.then_some(&partials))
            .await;
        let generation = generation.unwrap();
        assert_eq!(generation.warnings, warnings, "{options}");
        let sent = maker.sent().pop().unwrap();
        assert!(sent.get("stream").is_none(), "{sent}");
        assert!(sent.get("partial_images").is_none(), "{sent}");
    }
    let memory = maker.memory.share();
    let (partials, _previews) = PartialImages::channel();
    let limits = maker.limits(&memory, Some(&partials));
    let painted = generate_all(&DemoPainter::default(), &request(&json!({})), limits).await;
    assert_eq!(painted.unwrap().images.len(), 1);
}

#[tokio::test]
async fn a_server_that_knows_no_streams_answers_as_ever() {
    let maker = Maker::start().await;
    maker.upstream.push(Answer::image(picture::png(64, 64)));
    let (outcome, previews) = maker.generate_watched(&json!({})).await;
    let generation = outcome.unwrap();
    assert_eq!(generation.images[0].dimensions, (64, 64));
    assert!(generation.usage.is_some() && previews.is_empty());
}

#[tokio::test]
async fn an_error_event_is_the_error_of_the_call() {
    let maker = Maker::start().await;
    let preview = [picture::small_png()];
    let refusal = json!({"code": "moderation_blocked", "message": "no"});
    maker
        .upstream
        .push(Answer::image_stream_failing(&preview, &refusal));
    let (outcome, previews) = maker.generate_watched(&json!({})).await;
    let (error, attempts) = failure(outcome);
    assert!(matches!(error, UpstreamError::Refused { .. }), "{error:?}");
    assert_eq!((attempts, previews.len()), (1, 1));
    // As under any other form of an answer, a fault that passes is sent again.
    let fault = json!({"code": "server_error", "message": "oh"});
    maker
        .upstream
        .push(Answer::image_stream_failing(&[], &fault));
    let (outcome, _) = maker.generate_watched(&json!({})).await;
    assert_eq!(outcome.unwrap().attempts, 2);
}

#[tokio::test]
async fn a_stream_that_broke_off_is_sent_again_and_one_that_ended_without_a_picture_is_not() {
    let maker = Maker::start().await;
    let preview = [picture::small_png()];
    let whole = Answer::image_stream(&preview, picture::png(64, 64));
    let behind_preview = whole.length_of_events(1);
    for cut in [0, behind_preview, behind_preview + 100] {
        maker.upstream.push(whole.clone().cut_after(cut));
        let (outcome, _) = maker.generate_watched(&json!({})).await;
        assert_eq!(outcome.unwrap().attempts, 2, "cut after {cut}");
    }
    maker
        .upstream
        .push(Answer::image_stream_without_end(&preview));
    let (outcome, previews) = maker.generate_watched(&json!({})).await;
    let (error, attempts) = failure(outcome);
    assert!(
        matches!(error, UpstreamError::Malformed { .. }),
        "{error:?}"
    );
    assert_eq!((attempts, previews.len()), (1, 1));
}

#[tokio::test]
async fn a_picture_that_came_is_not_lost_to_what_follows_it() {
    let maker = Maker::start().await;
    let whole = Answer::image_stream(&[], picture::png(64, 64));
    let event = whole.length_of_events(1);
    let body = String::from_utf8(whole.body().to_vec()).unwrap();
    let events = |more: &str| Answer::bytes("TEXT/Event-Stream", format!("{body}{more}"));
    let refusal = "event: error\ndata: {\"error\": {\"code\": \"moderation_blocked\"}}\n\n";
    let failing = "event: error\ndata: {\"error\": {\"code\": \"server_error\"}}\n\n";
    for answer in [
        events(failing),
        events("data: [DONE]\n\n"),
        events(": and more").cut_after(event + 3),
        whole.clone().cut_after(event - 1),
        whole.paused_after(event, &Gate::closed()), // the connection stays open
    ] {
        maker.upstream.push(answer);
        let begun = Instant::now();
        let (outcome, _) = maker.generate_watched(&json!({})).await;
        let generation = outcome.unwrap();
        assert_eq!(generation.attempts, 1);
        assert_eq!(generation.images[0].dimensions, (64, 64));
        assert!(begun.elapsed() < Duration::from_secs(20));
    }
    maker.upstream.push(events(refusal));
    let (error, _) = failure(maker.generate_watched(&json!({})).await.0);
    assert!(matches!(error, UpstreamError::Refused { .. }), "{error:?}");
}

#[tokio::test]
async fn what_is_no_picture_is_no_preview() {
    let maker = Maker::start().await;
    let previews = [Bytes::from_static(b"not a picture"), picture::small_png()];
    maker
        .upstream
        .push(Answer::image_stream(&previews, picture::png(64, 64)));
    let (outcome, previews) = maker.generate_watched(&json!({})).await;
    assert_eq!(outcome.unwrap().images.len(), 1);
    let indexes: Vec<u32> = previews
        .iter()
        .map(|preview| preview.partial_index)
        .collect();
    assert_eq!(indexes, [1]);
}

/// Three previews and a picture of 7 MiB each: two of them fill the memory.
#[tokio::test]
async fn a_slow_reader_gets_fewer_previews_and_holds_the_memory_of_one() {
    let maker = Maker {
        memory: ImageMemory::new(16),
        ..Maker::start().await
    };
    let large = picture::padded_png(64, 64, 7 * MEBIBYTE);
    let previews = [large.clone(), large.clone(), large.clone()];
    maker
        .upstream
        .always(Answer::image_stream(&previews, large));
    let (partials, mut receiver) = PartialImages::channel();
    let generation = maker.generate(&json!({}), Some(&partials)).await.unwrap();
    assert!(!maker.has_room(), "a preview and the picture are held");
    let first = receiver.try_recv().unwrap();
    assert_eq!(first.partial_index, 0);
    assert!(receiver.try_recv().is_err(), "the others were dropped");
    drop(first);
    assert!(maker.has_room());
    drop(generation);
    let (outcome, _) = maker.generate_watched(&json!({})).await;
    assert!(outcome.is_ok());
    drop(receiver);
    maker.generate(&json!({}), Some(&partials)).await.unwrap();
    assert!(maker.has_room(), "nothing is left of them");
}

#[tokio::test]
async fn a_stream_that_waits_for_its_picture_takes_hardly_any_memory() {
    let maker = Maker {
        memory: ImageMemory::new(5),
        ..Maker::start().await
    };
    let gate = Gate::closed();
    let stream = Answer::image_stream(&[picture::small_png()], picture::small_png());
    let behind_preview = stream.length_of_events(1);
    maker
        .upstream
        .push(stream.paused_after(behind_preview, &gate));
    let (partials, mut receiver) = PartialImages::channel();
    let options = json!({});
    let mut generation = Box::pin(maker.generate(&options, Some(&partials)));
    tokio::select! {
        outcome = &mut generation => panic!("{outcome:?}"),
        preview = receiver.recv() => drop(preview.unwrap()),
    }
    assert!(maker.has_room());
    gate.open();
    assert!(generation.await.is_ok());
}
