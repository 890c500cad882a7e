//! An account without a key: what its delegated signatures open, what becomes of tokens that are
//! refused, and what instances of one service have in common.

use crate::{
    account::{Account, LARGE, SMALL, cause},
    azurite, entra,
    faulty_account::{Fault, Step},
};
use std::time::Duration;
use time::OffsetDateTime;
use visionary::{
    sas::{SasProtocol, SasTerms, encode_blob_path, signature_window},
    storage::{
        BlobStore, Container, CopiedProperties, DeleteMode, ListQuery, Metadata, Role,
        SignedResource, StorageError,
        azure::{AzureSettings, AzureStore, RetrySettings},
    },
};

fn store(images: &str, state: &str) -> AzureStore {
    let settings = AzureSettings {
        account: azurite::ACCOUNT.to_owned(),
        endpoint: azurite::https_endpoint().parse().unwrap(),
        images_container: images.to_owned(),
        state_container: state.to_owned(),
        request_timeout: Duration::from_secs(20),
        longest_put: Duration::from_secs(60),
        retries: RetrySettings::default(),
    };
    AzureStore::new(settings, entra::access(), azurite::https_client())
}

fn terms(permissions: &str) -> SasTerms {
    let (starts_at, expires_at) = signature_window(OffsetDateTime::now_utc(), 30);
    SasTerms {
        permissions: permissions.to_owned(),
        starts_at,
        expires_at,
        protocol: SasProtocol::HttpsAndHttp,
    }
}

async fn status(method: reqwest::Method, url: String) -> u16 {
    let request = azurite::https_client().request(method, url);
    let request = request.header("x-ms-blob-type", "BlockBlob");
    let sent = request.header("content-length", "0").send().await;
    sent.unwrap().status().as_u16()
}

#[tokio::test]
async fn a_delegated_signature_opens_what_it_names_as_long_as_it_says() {
    use reqwest::Method;
    let [images, state] = ["images", "state"].map(azurite::new_container);
    let store = store(&images, &state);
    let (first, second) = ("gallery/1/a ü?_1.png", "gallery/2/b_2.png");
    for name in [first, second] {
        let put = store.put(
            Container::Images,
            name,
            crate::account::blob(name.as_bytes().to_vec()),
            visionary::storage::PutMode::Create,
        );
        put.await.unwrap();
    }
    let signer = store.signer().await.unwrap();
    let sign = |resource, terms: &SasTerms| signer.sign(resource, terms).unwrap();
    let good = sign(SignedResource::Image(first), &terms("r"));
    let of_all = sign(SignedResource::ImagesContainer, &terms("r"));
    let now = OffsetDateTime::now_utc();
    let ended = SasTerms {
        expires_at: now - time::Duration::minutes(1),
        ..terms("r")
    };
    let ended = sign(SignedResource::Image(first), &ended);
    let base = format!("{}/{images}", azurite::https_endpoint());
    let blob = |name: &str, token: &str| format!("{base}/{}?{token}", encode_blob_path(name));
    for (what, method, url, expected) in [
        ("its own blob", Method::GET, blob(first, &good), 200),
        ("another", Method::GET, blob(second, &good), 403),
        ("after its end", Method::GET, blob(first, &ended), 403),
        (
            "a changed one",
            Method::GET,
            blob(first, &good.replace("sp=r", "sp=rw")),
            403,
        ),
        ("a write", Method::PUT, blob(first, &good), 403),
        ("a removal", Method::DELETE, blob(first, &good), 403),
        (
            "its container's blob",
            Method::GET,
            blob(second, &of_all),
            200,
        ),
        (
            "a list",
            Method::GET,
            format!("{base}?restype=container&comp=list&{of_all}"),
            403,
        ),
    ] {
        assert_eq!(status(method, url).await, expected, "{what}");
    }
    let account = signer.sign(SignedResource::Account, &terms("r"));
    assert!(
        matches!(account, Err(StorageError::CannotSign)),
        "{account:?}"
    );
}

#[tokio::test]
async fn instances_give_the_same_addresses_and_know_one_anothers_cursors() {
    let [images, state] = ["images", "state"].map(azurite::new_container);
    let stores = [(); 4].map(|()| store(&images, &state));
    let made = stores.iter().map(|store| async {
        let signer = store.signer().await.unwrap();
        let signature = signer.sign(SignedResource::Image("a.png"), &terms("r"));
        let authenticator = store.authenticate(b"message").await.unwrap();
        (signature.unwrap(), authenticator)
    });
    let made = futures_util::future::join_all(made).await;
    assert!(made.iter().all(|one| *one == made[0]), "{made:?}");
    let secrets = ListQuery {
        prefix: "secrets/".to_owned(),
        ..ListQuery::default()
    };
    let kept = stores[0].list(Container::State, &secrets).await.unwrap();
    let sizes: Vec<u64> = kept.items.iter().map(|item| item.size_bytes).collect();
    assert_eq!(sizes, [64]);
    let elsewhere = store(&images, &azurite::new_container("state"));
    assert_ne!(elsewhere.authenticate(b"message").await.unwrap(), made[0].1);
}

/// Every kind of request, by itself.
async fn take(account: &Account, step: Step) -> Result<(), StorageError> {
    let store = &account.store;
    let images = Container::Images;
    let copied = CopiedProperties {
        content_type: "image/webp".to_owned(),
        metadata: Metadata::new(),
        write_id: uuid::Uuid::new_v4(),
    };
    let target = uuid::Uuid::new_v4().to_string();
    match step {
        Step::Blob => account.create(&target, SMALL).await.map(drop),
        Step::Block | Step::Commit => account.create(&target, LARGE).await.map(drop),
        Step::Read => store.get(images, "first.png").await.map(drop),
        Step::Look => store.look(images, "first.png").await.map(drop),
        Step::List => account.list().await.map(drop),
        Step::DelegationKey => store.signer().await.map(drop),
        Step::Copy | Step::Properties => store.copy_image("first.png", &target, copied).await,
        Step::Delete => {
            account.create(&target, 1).await?;
            store.delete(images, &target, DeleteMode::Any).await
        }
        Step::Container | Step::State | Step::StateRead => unreachable!("not asked here"),
    }
}

const STEPS: [Step; 10] = [
    Step::DelegationKey, // first: afterwards there is a key
    Step::Blob,
    Step::Block,
    Step::Commit,
    Step::Read,
    Step::Look,
    Step::List,
    Step::Copy,
    Step::Properties,
    Step::Delete,
];

#[tokio::test]
async fn a_refused_token_is_replaced_once_at_every_step() {
    let account = Account::by_identity().await;
    let refused = || Fault::refused(401, "InvalidAuthenticationInfo");
    for step in STEPS {
        let before = account.seen(step);
        account.script(step, [refused()]);
        let taken = take(&account, step).await;
        taken.unwrap_or_else(|error| panic!("{step:?}: {error:?}"));
        let unhindered = if step == Step::Block { 3 } else { 1 };
        assert_eq!(account.seen(step) - before, unhindered + 1, "{step:?}");
    }
    for step in STEPS.into_iter().skip(1) {
        let before = account.seen(step);
        account.always(step, refused());
        let error = take(&account, step).await.unwrap_err();
        let is_denied = matches!(
            error,
            StorageError::Denied {
                missing_role: None,
                ..
            }
        );
        assert!(is_denied, "{step:?}: {error:?}");
        assert_eq!(account.seen(step) - before, 2, "{step:?}");
        account.heal();
    }
}

#[tokio::test]
async fn who_lacks_a_role_is_told_which_and_for_what() {
    for step in STEPS {
        let account = Account::by_identity().await;
        account.always(step, Fault::refused(403, "AuthorizationPermissionMismatch"));
        let error = take(&account, step).await.unwrap_err();
        let StorageError::Denied { missing_role, .. } = &error else {
            panic!("{step:?}: {error:?}");
        };
        let role = match step {
            Step::DelegationKey => Role::BlobDelegator,
            _ => Role::BlobDataContributor,
        };
        assert_eq!(*missing_role, Some(role), "{step:?}");
        assert!(cause(&error).contains(role.name()), "{step:?}: {error:?}");
        assert_eq!(account.seen(step), 1, "{step:?}: it is not asked again");
    }
}

/// Roles at the containers alone allow no new ones.
#[tokio::test]
async fn an_identity_that_may_make_no_container_uses_those_that_are_there() {
    let account = Account::by_identity().await;
    let forbidden = || Fault::refused(403, "AuthorizationPermissionMismatch");
    account.always(Step::Container, forbidden());
    account.create("a.png", SMALL).await.unwrap();
    assert_eq!(account.seen(Step::Container), 0);
    assert!(account.has_whole("a.png", SMALL).await);
}
