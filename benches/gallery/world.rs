//! A gallery to list: so many images of ours and so many old ones, in the double of an account or
//! in Azurite.

use std::time::Instant;

use bytes::Bytes;

use crate::{
    Failure,
    azurite::{self, account_sas},
    client::Caller,
    list_account::{self, Generated, IMAGES, ListAccount},
    samples::{Sample, Samples},
    seed,
};

/// A gallery and where it lies.
pub(crate) struct World {
    pub(crate) generated: Generated,
    place: Place,
}

enum Place {
    Double(ListAccount),
    Azurite { endpoint: String, name: String },
}

impl World {
    /// In the double, which makes the images up.
    pub(crate) async fn in_double(generated: Generated) -> World {
        let place = Place::Double(ListAccount::start(generated).await);
        World { generated, place }
    }

    /// In Azurite, where each image is written first; says how long that took.
    pub(crate) async fn in_azurite(endpoint: &str, generated: Generated) -> Result<World, Failure> {
        let moment = std::time::UNIX_EPOCH.elapsed().unwrap_or_default();
        let world = World {
            generated,
            place: Place::Azurite {
                endpoint: endpoint.trim_end_matches('/').to_owned(),
                name: format!("gallery-{}-{}", moment.as_millis(), generated.ours),
            },
        };
        let started_at = Instant::now();
        seed::write_all(&world).await?;
        let written_in = started_at.elapsed().as_secs_f64();
        let list_call = world.list_call().await?.shown(50);
        println!(
            "seeded   {} in {written_in:.1} s; a list call of 50 takes {list_call} ms there",
            world.name()
        );
        Ok(world)
    }

    /// For a table.
    pub(crate) fn name(&self) -> String {
        let place = match self.place {
            Place::Double(_) => "double",
            Place::Azurite { .. } => "Azurite",
        };
        let Generated { ours, old } = self.generated;
        match old {
            0 => format!("{place}, {ours}"),
            old => format!("{place}, {ours} + {old} old"),
        }
    }

    /// Whether it lies in Azurite, where everything takes longer.
    pub(crate) fn is_azurite(&self) -> bool {
        matches!(self.place, Place::Azurite { .. })
    }

    /// How many images the list has.
    pub(crate) fn images(&self) -> usize {
        usize::try_from(self.generated.ours + self.generated.old).unwrap_or(usize::MAX)
    }

    /// The settings of a service over it.
    pub(crate) fn settings(&self) -> Vec<(&'static str, String)> {
        let Account {
            endpoint,
            account,
            key,
            images,
            state,
        } = self.account();
        let connection = format!("AccountName={account};AccountKey={key};BlobEndpoint={endpoint};");
        vec![
            ("AZURE_STORAGE_CONNECTION_STRING", connection),
            ("IMAGES_CONTAINER", images),
            ("STATE_CONTAINER", state),
            ("IMAGE_PROVIDER", "demo".to_owned()),
        ]
    }

    /// Where it lies, for another client.
    pub(crate) fn account(&self) -> Account {
        match &self.place {
            Place::Double(double) => Account {
                endpoint: double.endpoint(),
                account: list_account::ACCOUNT,
                key: list_account::KEY,
                images: IMAGES.to_owned(),
                state: "visionary-state".to_owned(),
            },
            Place::Azurite { endpoint, name } => Account {
                endpoint: endpoint.clone(),
                account: azurite::ACCOUNT,
                key: azurite::KEY,
                images: format!("{name}-images"),
                state: format!("{name}-state"),
            },
        }
    }

    /// How many list calls of images there were, where that is counted.
    pub(crate) fn lists(&self) -> Option<usize> {
        match &self.place {
            Place::Double(double) => Some(double.lists(IMAGES).len()),
            Place::Azurite { .. } => None,
        }
    }

    /// Times one request over it.
    pub(crate) async fn time(
        &self,
        caller: &Caller,
        url: &str,
    ) -> Result<(Sample, Bytes), Failure> {
        let lists = self.lists();
        let started_at = Instant::now();
        let body = caller.get(url).await?;
        let elapsed = started_at.elapsed();
        let sample = Sample {
            elapsed,
            bytes: body.len(),
            lists: self.lists().zip(lists).map(|(now, before)| now - before),
        };
        Ok((sample, body))
    }

    /// List calls of the store itself, of the fifty newest images.
    async fn list_call(&self) -> Result<Samples, Failure> {
        const CALLS: usize = 5;
        let (caller, container_url) = (Caller::new()?, self.account().images_url());
        let query = "restype=container&comp=list&include=metadata&prefix=gallery%2F&maxresults=50";
        let url = format!("{container_url}?{query}&{}", account_sas()?);
        let mut calls = Samples::default();
        for _ in 0..CALLS {
            calls.push(self.time(&caller, &url).await?.0);
        }
        Ok(calls)
    }

    /// Removes what was written; the state's container may never have been made.
    pub(crate) async fn remove(&self, caller: &Caller) -> Result<(), Failure> {
        if self.is_azurite() {
            let account = self.account();
            for container in [&account.images, &account.state] {
                let _ = caller.delete(&account.container_url(container)?).await;
            }
        }
        Ok(())
    }
}

/// Where a gallery lies.
pub(crate) struct Account {
    pub(crate) endpoint: String,
    pub(crate) account: &'static str,
    pub(crate) key: &'static str,
    pub(crate) images: String,
    pub(crate) state: String,
}

impl Account {
    /// The address of the images' container.
    pub(crate) fn images_url(&self) -> String {
        format!("{}/{}", self.endpoint, self.images)
    }

    /// The address of a container, with what may write to it.
    pub(crate) fn container_url(&self, container: &str) -> Result<String, Failure> {
        let (endpoint, sas) = (&self.endpoint, account_sas()?);
        Ok(format!("{endpoint}/{container}?restype=container&{sas}"))
    }
}
