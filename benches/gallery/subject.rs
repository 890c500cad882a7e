//! A service over a gallery, and all that is measured of it.

use std::{
    collections::HashSet,
    path::Path,
    time::{Duration, Instant},
};

use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};
use serde::Deserialize;

use crate::{
    Failure,
    client::Caller,
    process::Service,
    samples::{Sample, Samples},
    world::World,
};

/// As much as comes without a limit.
const MOST_IN_WHOLE_LIST: usize = 10_000;

/// The length of the first page that is measured.
const FIRST_PAGE: usize = 50;

/// The largest page that can be asked for.
const LARGEST_PAGE: usize = 1000;

/// A service that has not found the old images by then never will.
const OLD_IMAGES_DEADLINE: Duration = Duration::from_secs(60);

/// Between two looks for them.
const LOOK_AGAIN_AFTER: Duration = Duration::from_millis(100);

/// What is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Asked {
    FirstPage,
    /// Without a limit.
    WholeList,
}

impl Asked {
    fn url(self, service: &Service) -> String {
        let origin = service.origin();
        match self {
            Asked::FirstPage => format!("{origin}/api/getImages?limit={FIRST_PAGE}"),
            Asked::WholeList => format!("{origin}/api/getImages"),
        }
    }

    /// How many images must come.
    fn images(self, world: &World) -> usize {
        match self {
            Asked::FirstPage => FIRST_PAGE.min(world.images()),
            Asked::WholeList => MOST_IN_WHOLE_LIST.min(world.images()),
        }
    }
}

/// One gallery with its warm service.
pub(crate) struct Subject {
    pub(crate) world: World,
    service: Service,
    caller: Caller,
    pub(crate) figures: Figures,
}

/// What was measured.
#[derive(Default)]
pub(crate) struct Figures {
    /// The first page as a fresh process's first request.
    pub(crate) first_cold: Samples,
    /// The first page again and again.
    pub(crate) first_repeated: Samples,
    /// The first page behind the seconds for which it is remembered.
    pub(crate) first_spaced: Samples,
    /// Pages of a thousand, from the newest to the oldest.
    pub(crate) pages: Vec<Sample>,
    /// Whether those were all.
    pub(crate) walk_is_whole: bool,
    pub(crate) whole_cold: Samples,
    /// Everything behind the seconds for which pages are remembered.
    pub(crate) whole_spaced: Samples,
    /// Everything right behind that.
    pub(crate) whole_repeated: Samples,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Page {
    image_urls: Vec<Image>,
    next_cursor: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Image {
    id: String,
    created_at: String,
}

impl Image {
    /// Those of ours lie below `gallery/`.
    fn is_old(&self) -> Result<bool, Failure> {
        let path = BASE64_URL_SAFE_NO_PAD.decode(&self.id)?;
        Ok(!path.starts_with(b"gallery/"))
    }
}

impl Subject {
    /// Starts a service and waits until it knows the gallery's old images.
    pub(crate) async fn prepare(binary: &Path, world: World) -> Result<Subject, Failure> {
        let service = Service::start(binary, &world.settings())?;
        let caller = Caller::new()?;
        let subject = Subject {
            world,
            service,
            caller,
            figures: Figures::default(),
        };
        let started_at = Instant::now();
        while !subject.knows_old_images().await? {
            if started_at.elapsed() > OLD_IMAGES_DEADLINE {
                let name = subject.world.name();
                return Err(format!("{name}: no old image came into the list").into());
            }
            tokio::time::sleep(LOOK_AGAIN_AFTER).await;
        }
        Ok(subject)
    }

    async fn knows_old_images(&self) -> Result<bool, Failure> {
        // Asked for without old images too: whoever asks first has their index written.
        let url = Asked::FirstPage.url(&self.service);
        let page: Page = serde_json::from_slice(&self.caller.get(&url).await?)?;
        if self.world.generated.old == 0 {
            return Ok(true);
        }
        let mut old = page.image_urls.iter().map(Image::is_old);
        old.try_fold(false, |any, is_old| Ok(any || is_old?))
    }

    /// The first request to a process that was just started.
    pub(crate) async fn ask_cold(&mut self, binary: &Path, asked: Asked) -> Result<(), Failure> {
        let service = Service::start(binary, &self.world.settings())?;
        let caller = Caller::new()?;
        let sample = ask_for(asked, &self.world, &caller, &service).await?;
        match asked {
            Asked::FirstPage => self.figures.first_cold.push(sample),
            Asked::WholeList => self.figures.whole_cold.push(sample),
        }
        Ok(())
    }

    /// One request to the warm process.
    pub(crate) async fn ask_warm(&mut self, asked: Asked) -> Result<(), Failure> {
        let sample = ask_for(asked, &self.world, &self.caller, &self.service).await?;
        match asked {
            Asked::FirstPage => self.figures.first_spaced.push(sample),
            Asked::WholeList => self.figures.whole_spaced.push(sample),
        }
        Ok(())
    }

    /// Everything once more, while the pages are remembered.
    pub(crate) async fn ask_whole_again(&mut self) -> Result<(), Failure> {
        let asked = Asked::WholeList;
        let sample = ask_for(asked, &self.world, &self.caller, &self.service).await?;
        self.figures.whole_repeated.push(sample);
        Ok(())
    }

    /// The first page by the warm process, so many times without a pause, or for so long.
    pub(crate) async fn ask_repeatedly(
        &mut self,
        count: usize,
        longest: Duration,
    ) -> Result<(), Failure> {
        let url = Asked::FirstPage.url(&self.service);
        for _ in 0..count {
            if self.figures.first_repeated.spent() > longest {
                break;
            }
            let (sample, _) = self.world.time(&self.caller, &url).await?;
            self.figures.first_repeated.push(sample);
        }
        Ok(())
    }

    /// Follows the cursors from the newest image to the oldest, or for so long; every image must
    /// come once, newest first.
    pub(crate) async fn walk(&mut self, longest: Duration) -> Result<(), Failure> {
        let first = format!(
            "{}?limit={LARGEST_PAGE}",
            Asked::WholeList.url(&self.service)
        );
        let (mut url, mut seen) = (first.clone(), HashSet::new());
        let mut last_moment: Option<String> = None;
        let started_at = Instant::now();
        while started_at.elapsed() < longest {
            let (sample, page) = ask(&self.world, &self.caller, &url).await?;
            self.figures.pages.push(sample);
            for image in page.image_urls {
                let is_in_order = last_moment.is_none_or(|last| image.created_at <= last);
                last_moment = Some(image.created_at);
                if !is_in_order || !seen.insert(image.id) {
                    let name = self.world.name();
                    return Err(format!("{name}: an image came twice or out of order").into());
                }
            }
            let Some(cursor) = page.next_cursor else {
                self.figures.walk_is_whole = true;
                return match seen.len() == self.world.images() {
                    true => Ok(()),
                    false => Err(format!("{}: {} came", self.world.name(), seen.len()).into()),
                };
            };
            url = format!("{first}&cursor={cursor}");
        }
        Ok(())
    }

    /// Resident memory now and at its peak, in KiB.
    pub(crate) fn memory(&self) -> (Option<u64>, Option<u64>) {
        (
            self.service.resident_kib(),
            self.service.peak_resident_kib(),
        )
    }

    /// Removes what was written into the store.
    pub(crate) async fn end(self) -> Result<(), Failure> {
        drop(self.service);
        self.world.remove(&self.caller).await
    }
}

async fn ask(world: &World, caller: &Caller, url: &str) -> Result<(Sample, Page), Failure> {
    let (sample, body) = world.time(caller, url).await?;
    Ok((sample, serde_json::from_slice(&body)?))
}

/// Times one request, whose answer must have as many images as were asked for.
async fn ask_for(
    asked: Asked,
    world: &World,
    caller: &Caller,
    service: &Service,
) -> Result<Sample, Failure> {
    let (sample, page) = ask(world, caller, &asked.url(service)).await?;
    let (found, wanted) = (page.image_urls.len(), asked.images(world));
    match found == wanted {
        true => Ok(sample),
        false => Err(format!("{}: {found} images came, not {wanted}", world.name()).into()),
    }
}
