//! Writes a gallery's images into Azurite, the same that the double makes up.

use bytes::Bytes;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

use crate::{
    Failure,
    azurite::account_sas,
    client::Caller,
    list_account::{Generated, Kind},
    load::{self, Limit},
    world::World,
};

/// Writers at once: Azurite takes no more in a second from more of them.
const CONNECTIONS: usize = 16;

/// What stays as it is in a blob's address.
const PATH: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'/')
    .remove(b'-')
    .remove(b'_')
    .remove(b'.');

/// Makes the container and writes every image into it.
pub(crate) async fn write_all(world: &World) -> Result<(), Failure> {
    let account = world.account();
    let container_url = account.container_url(&account.images)?;
    Caller::new()?.put(&container_url, Bytes::new()).await?;
    let client = reqwest::Client::builder().no_proxy().build()?;
    let (base_url, sas) = (account.images_url(), account_sas()?);
    let generated = world.generated;
    let write = move |number: usize| {
        let (client, base_url, sas) = (client.clone(), base_url.clone(), sas.clone());
        async move { write(&client, generated, number, &base_url, &sas).await }
    };
    let limit = Limit::requests(world.images());
    let outcome = load::measure(CONNECTIONS, limit, write).await?;
    match outcome.failure() {
        None => Ok(()),
        Some(failure) => Err(format!("{} was not seeded: {failure}", world.name()).into()),
    }
}

/// Writes the image of a number: those of ours come first.
async fn write(
    client: &reqwest::Client,
    generated: Generated,
    number: usize,
    base_url: &str,
    sas: &str,
) -> Result<(), Failure> {
    let number = u64::try_from(number)?;
    let (kind, number) = match number.checked_sub(generated.ours) {
        None => (Kind::Ours, number),
        Some(number) => (Kind::Old, number),
    };
    let name = generated.name(kind, number);
    let blob = generated.blob(kind, number, true);
    let path = utf8_percent_encode(&name, PATH);
    let mut request = client
        .put(format!("{base_url}/{path}?{sas}"))
        .header("x-ms-blob-type", "BlockBlob")
        .header("content-type", blob.content_type);
    for (name, value) in blob.metadata {
        request = request.header(format!("x-ms-meta-{name}"), value);
    }
    let answer = request.body(blob.bytes).send().await?;
    answer
        .error_for_status()
        .map_err(|error| error.without_url())?;
    Ok(())
}
