//! A service over an account without a key: it works as with one, and says what its identity
//! lacks.

use crate::{
    azurite,
    faulty_account::{Fault, FaultyAccount, Step},
    service::{Service, open},
};
use serde_json::json;

fn forbidden() -> Fault {
    Fault::refused(403, "AuthorizationPermissionMismatch")
}

/// The signed addresses of the list.
async fn addresses(service: &Service) -> Vec<String> {
    let list = service.get("/api/getImages").await.json();
    let images = list["imageUrls"].as_array().unwrap().iter();
    let addresses = images.map(|image| image["url"].as_str().unwrap().to_owned());
    addresses.collect()
}

#[tokio::test]
async fn images_are_made_listed_and_paged_without_a_key_and_instances_agree() {
    let account = FaultyAccount::start_with_tokens().await;
    let container = azurite::new_container("identity");
    let first = Service::by_identity(&account, &container).await;
    let second = Service::by_identity(&account, &container).await;
    let body = json!({"prompt": "a fox", "size": "64x64", "n": 3});
    let made = first.generate(&body).await;
    assert_eq!(made.status, 200, "{}", made.text());
    let url = made.json()["imageList"][0]["url"]
        .as_str()
        .unwrap()
        .to_owned();
    assert_eq!(open(&url).await.header("content-type"), "image/png");
    let page = first.get("/api/getImages?limit=2").await.json();
    let cursor = page["nextCursor"].as_str().unwrap();
    let path = format!("/api/getImages?limit=2&cursor={cursor}");
    let rest = second.get(&path).await;
    assert_eq!(rest.status, 200, "{}", rest.text());
    assert_eq!(rest.json()["imageUrls"].as_array().unwrap().len(), 1);
    let (one, other) = (addresses(&first).await, addresses(&second).await);
    assert_eq!((one.len(), &one), (3, &other));
    assert_eq!(account.seen(Step::DelegationKey), 2, "one for each process");
    assert_eq!(first.get("/api/health").await.status, 200);
}

#[tokio::test]
async fn health_names_the_role_that_is_missing() {
    for (step, role) in [
        (Step::DelegationKey, "Storage Blob Delegator"),
        (Step::List, "Storage Blob Data Contributor"),
    ] {
        let account = FaultyAccount::start_with_tokens().await;
        let service = Service::by_identity(&account, &azurite::new_container("roles")).await;
        account.always(step, forbidden());
        let answer = service.get("/api/health").await;
        assert_eq!(answer.status, 503);
        let sentence = format!("this service's identity lacks the role {role}");
        assert!(answer.text().contains(&sentence), "{}", answer.text());
        let list = service.get("/api/getImages").await;
        let problem = list.assert_problem(502, "storage_error");
        assert_eq!(problem["imageUrls"], json!([]));
    }
}

#[tokio::test]
async fn an_image_that_cannot_be_signed_now_is_stored_and_found_again() {
    let account = FaultyAccount::start_with_tokens().await;
    let service = Service::by_identity(&account, &azurite::new_container("unsigned")).await;
    account.always(Step::DelegationKey, forbidden());
    let body = json!({"prompt": "a fox", "size": "64x64"});
    let problem = service.generate(&body).await;
    let problem = problem.assert_problem(502, "storage_error");
    account.heal();
    let id = problem["operationId"].as_str().unwrap();
    let location = problem["operationLocation"].as_str().unwrap();
    assert!(
        location.ends_with(&format!("/api/operations/{id}")),
        "{location}"
    );
    let operation = service.operation(id).await.json();
    let url = operation["result"]["imageList"][0]["url"].as_str().unwrap();
    assert_eq!(open(url).await.status, 200);
}
