//! Hosts in honest and in hostile spellings.

use super::*;

const ANYWHERE: Result<Reach, ()> = Ok(Reach::Anywhere);
const PUBLIC_ONLY: Result<Reach, ()> = Ok(Reach::PublicOnly);
const REFUSED: Result<Reach, ()> = Err(());

/// How the addresses may be asked beside the upstream at `base_url`.
#[track_caller]
fn assert_reach(base_url: &str, named: &[&str], addresses: &[(&str, Result<Reach, ()>)]) {
    let named = named.iter().map(|text| text.parse().unwrap()).collect();
    let hosts = DownloadHosts::new(Url::parse(base_url).unwrap(), named);
    for (address, expected) in addresses {
        let url = Url::parse(address).map_err(|_| ());
        let found = url.and_then(|url| hosts.reach(&url).map_err(|_| ()));
        assert_eq!(found, *expected, "{address} beside {base_url}");
    }
}

#[test]
fn the_upstreams_own_host_and_port_may_be_anywhere() {
    assert_reach(
        "https://api.example.com/v1",
        &[],
        &[
            ("https://api.example.com/files/x.png", ANYWHERE),
            ("https://API.EXAMPLE.COM:443/x.png", ANYWHERE),
            ("http://api.example.com/x.png", REFUSED),
            ("http://api.example.com:443/x.png", REFUSED),
            ("https://api.example.com:8443/x.png", REFUSED),
            ("https://api.example.com./x.png", REFUSED),
            ("https://example.com/x.png", REFUSED),
            ("https://cdn.api.example.com/x.png", REFUSED),
            ("https://api.example.com.evil.example/x.png", REFUSED),
            ("https://api.example.com@evil.example/x.png", REFUSED),
            ("https://key@api.example.com/x.png", REFUSED),
            ("https://:key@api.example.com/x.png", REFUSED),
            ("ftp://api.example.com/x.png", REFUSED),
            ("file:///etc/passwd", REFUSED),
            ("data:image/png;base64,AAAA", REFUSED),
            ("https:///x.png", REFUSED),
            ("//api.example.com/x.png", REFUSED),
        ],
    );
}

#[test]
fn a_private_upstream_allows_itself_and_no_neighbour() {
    assert_reach(
        "http://127.0.0.1:1234/v1",
        &[],
        &[
            ("http://127.0.0.1:1234/x.png", ANYWHERE),
            ("http://2130706433:1234/x.png", ANYWHERE), // the same address
            ("http://127.0.0.1/x.png", REFUSED),
            ("http://127.0.0.1:22/x.png", REFUSED),
            ("http://127.0.0.2:1234/x.png", REFUSED),
            ("http://localhost:1234/x.png", REFUSED),
            ("http://[::1]:1234/x.png", REFUSED),
            ("http://[::ffff:127.0.0.1]:1234/x.png", REFUSED),
            ("http://x.blob.core.windows.net/x.png", REFUSED),
            ("https://x.blob.core.windows.net/x.png", PUBLIC_ONLY),
        ],
    );
    let named = "http://gpu-box.local/v1";
    assert_reach(named, &[], &[("http://gpu-box.local/x.png", ANYWHERE)]);
    assert_reach(named, &[], &[("http://other.local/x.png", REFUSED)]);
}

#[test]
fn blob_hosts_are_asked_at_public_addresses() {
    assert_reach(
        "https://api.openai.com/v1",
        &[],
        &[
            (
                "https://oaidalle.blob.core.windows.net/x?sig=y",
                PUBLIC_ONLY,
            ),
            ("https://OAIDALLE.Blob.Core.Windows.NET/x", PUBLIC_ONLY),
            // To every client this is the same name.
            (
                "https://oaidalle\u{3002}blob\u{3002}core.windows.net/x",
                PUBLIC_ONLY,
            ),
            (
                "https://oaidalle.blob.core.windows.net\\@evil/x",
                PUBLIC_ONLY,
            ),
            ("http://oaidalle.blob.core.windows.net/x", REFUSED),
            ("https://oaidalle.blob.core.windows.net:8443/x", REFUSED),
            ("https://oaidalle.blob.core.windows.net./x", REFUSED),
            ("https://blob.core.windows.net/x", REFUSED),
            ("https://.blob.core.windows.net/x", REFUSED),
            ("https://a..blob.core.windows.net/x", REFUSED),
            ("https://evilblob.core.windows.net/x", REFUSED),
            ("https://blob.core.windows.net.evil.example/x", REFUSED),
            ("https://x.blob.core.windows.net@evil.example/x", REFUSED),
            ("https://evil.example/.blob.core.windows.net", REFUSED),
            ("https://evil.example#.blob.core.windows.net", REFUSED),
            ("https://evil.example?.blob.core.windows.net", REFUSED),
            ("https://x.blob.core.w\u{456}ndows.net/x", REFUSED), // a Cyrillic letter
            ("https://x.blob.core.xn--wndows-4ye.net/x", REFUSED),
            ("https://x%2eblob.core.windows.net%2fevil/x", REFUSED),
        ],
    );
}

#[test]
fn addresses_in_numbers_are_refused_in_every_spelling() {
    for host in [
        "127.0.0.1",
        "127.1",
        "2130706433",
        "0x7f000001",
        "0x7f.0.0.1",
        "0177.0.0.1",
        "017700000001",
        "127.0.0.1.",
        "169.254.169.254",
        "0xa9fea9fe",
        "2852039166",
        "168.63.129.16",
        "10.0.0.1",
        "0.0.0.0",
        "0",
        "8.8.8.8",
        "256.256.256.256",
        "[::1]",
        "[::]",
        "[0:0:0:0:0:0:0:1]",
        "[::ffff:127.0.0.1]",
        "[::ffff:7f00:1]",
        "[64:ff9b::a9fe:a9fe]",
        "[fe80::1%25eth0]",
        "[fd00:ec2::254]",
        "localhost",
        "LOCALHOST",
        "metadata.google.internal",
        "\u{ff11}27.0.0.1", // a full-width digit
        "\u{2460}27.0.0.1", // a digit in a circle
    ] {
        for scheme in ["http", "https"] {
            let address = format!("{scheme}://{host}/x");
            let named = ["*.example.com", "cdn.example.com"];
            assert_reach("http://gpu-box/v1", &named, &[(&address, REFUSED)]);
        }
    }
}

#[test]
fn a_setting_widens_by_the_port_and_the_name_it_says() {
    let named = [
        "cdn.example.com",
        "*.pictures.example",
        "*.files.example:8443",
        "10.0.0.5:9000",
        "[fd00::5]",
        "b\u{fc}cher.example",
    ];
    assert_reach(
        "https://api.example.com/v1",
        &named,
        &[
            ("https://cdn.example.com/x", ANYWHERE),
            ("https://CDN.example.com/x", ANYWHERE),
            ("http://cdn.example.com/x", REFUSED),
            ("https://cdn.example.com:444/x", REFUSED),
            ("https://a.cdn.example.com/x", REFUSED),
            ("https://a.pictures.example/x", PUBLIC_ONLY),
            ("https://a.b.pictures.example/x", PUBLIC_ONLY),
            ("https://pictures.example/x", REFUSED),
            ("https://notpictures.example/x", REFUSED),
            ("https://a.files.example:8443/x", PUBLIC_ONLY),
            ("https://a.files.example/x", REFUSED),
            ("https://10.0.0.5:9000/x", ANYWHERE),
            ("https://10.0.0.5/x", REFUSED),
            ("https://[fd00:0::5]/x", ANYWHERE),
            ("https://[fd00::6]/x", REFUSED),
            ("https://xn--bcher-kva.example/x", ANYWHERE),
        ],
    );
    assert_reach(
        "http://gpu-box/v1",
        &named,
        &[
            ("http://cdn.example.com/x", ANYWHERE),
            ("http://cdn.example.com:443/x", REFUSED),
            ("http://a.pictures.example/x", PUBLIC_ONLY),
            ("https://a.pictures.example/x", PUBLIC_ONLY),
        ],
    );
}

#[test]
fn a_host_that_is_named_twice_is_taken_at_its_exact_name() {
    assert_reach(
        "https://api.example.com/v1",
        &[
            "*.pictures.example",
            "own.pictures.example",
            "own.blob.core.windows.net",
        ],
        &[
            ("https://own.pictures.example/x", ANYWHERE),
            ("https://a.pictures.example/x", PUBLIC_ONLY),
            ("https://own.blob.core.windows.net/x", ANYWHERE),
            ("https://other.blob.core.windows.net/x", PUBLIC_ONLY),
        ],
    );
}

#[test]
fn texts_that_are_no_host_are_refused() {
    for text in [
        "",
        "*",
        "*.",
        "*.com",
        "*.*.com",
        "**.example.com",
        "a*.example.com",
        "a.*.example.com",
        "*example.com",
        "*.10.0.0.1",
        "*.[::1]",
        "https://cdn.example.com",
        "cdn.example.com/pictures",
        "cdn.example.com.",
        ".example.com",
        "a..example.com",
        "user@cdn.example.com",
        "cdn.example.com:",
        "cdn.example.com:0",
        "cdn.example.com:65536",
        "cdn.example.com:https",
        "cdn example.com",
        "cdn.example.com?x",
        "127.1",
        "0x7f.0.0.1",
        "2130706433",
        "256.1.1.1",
        "::1",
        "[::1",
        "[::1]:x",
    ] {
        assert_eq!(
            text.parse::<HostPattern>(),
            Err(InvalidHostPattern),
            "{text}"
        );
    }
}
