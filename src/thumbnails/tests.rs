//! Thumbnails of pictures that the tests make themselves.

mod hostile;
mod kinds;
mod pictures;
mod properties;
mod turns;

use super::*;
use pictures::{Picture, seen};

/// Short sides: what is tested here runs without optimisation.
const SMALL: ThumbnailSettings = ThumbnailSettings {
    long_edge: 64,
    most_encoded_bytes: 16 << 20,
    most_pixels: 1_000_000,
    workers: 1,
    longest: Duration::from_secs(60),
};

/// The thumbnail of a file, decoded.
fn thumbnail(file: &[u8]) -> Picture {
    seen(&make_now(file, &SMALL).unwrap())
}

#[test]
fn the_long_edge_is_bounded_and_the_aspect_ratio_kept() {
    for ((width, height), expected) in [
        ((200, 100), (64, 32)),
        ((100, 200), (32, 64)),
        ((150, 100), (64, 43)),
        ((65, 64), (64, 63)),
        ((64, 64), (64, 64)),
        ((10, 7), (10, 7)),
        ((1, 1), (1, 1)),
        ((4000, 1), (64, 1)),
        ((1, 4000), (1, 64)),
        ((20_000, 3), (64, 1)),
    ] {
        let picture = Picture::plain(width, height, [90, 120, 150, 255]);
        let thumbnail = thumbnail(&picture.png());
        assert_eq!(
            (thumbnail.width, thumbnail.height),
            expected,
            "{width}x{height}"
        );
        thumbnail.assert_near(0, 0, [90, 120, 150, 255]);
    }
}

#[test]
fn the_default_long_edge_is_512() {
    let picture = Picture::plain(1000, 20, [90, 120, 150, 255]).png();
    let thumbnail = seen(&make_now(&picture, &ThumbnailSettings::default()).unwrap());
    assert_eq!((thumbnail.width, thumbnail.height), (512, 10));
}

#[test]
fn transparency_is_kept_and_the_colours_below_it_do_not_shine_through() {
    let picture = Picture::drawn(192, 96, |x, _| match x < 100 {
        true => [200, 0, 0, 255],
        false => [0, 255, 0, 0],
    });
    let thumbnail = thumbnail(&picture.png());
    thumbnail.assert_near(10, 16, [200, 0, 0, 255]);
    assert_eq!(thumbnail.at(60, 16)[3], 0);
    for x in 0..thumbnail.width {
        let [_, green, _, alpha] = thumbnail.at(x, 16);
        assert!(
            alpha < 128 || green < 40,
            "{:?} at {x}",
            thumbnail.at(x, 16)
        );
    }
}

#[test]
fn a_fine_pattern_becomes_its_average_and_no_other_pattern() {
    let picture = Picture::drawn(227, 227, |x, y| match (x + y) % 2 == 0 {
        true => [255; 4],
        false => [0, 0, 0, 255],
    });
    let thumbnail = thumbnail(&picture.png());
    for y in 2..thumbnail.height - 2 {
        for x in 2..thumbnail.width - 2 {
            let gray = thumbnail.at(x, y)[0];
            assert!((118..=138).contains(&gray), "{gray} at {x},{y}");
        }
    }
}

#[test]
fn a_picture_that_is_small_already_goes_through_the_filter_unchanged() {
    let picture = Picture::drawn(40, 30, |x, y| [x as u8 * 6, y as u8 * 8, 77, 255]);
    let size = Size {
        width: 40,
        height: 30,
    };
    let mut shrink = Shrink::new(size, size.within(512));
    assert!(shrink.push_rows(shrink::Layout::Rgba, &picture.rgba));
    assert_eq!(shrink.finish().unwrap().rgba, picture.rgba);
}

#[test]
fn a_photo_becomes_a_short_file() {
    let picture = Picture::photo(640, 480);
    let settings = ThumbnailSettings::default();
    let thumbnail = make_now(&picture.png(), &settings).unwrap();
    assert!(
        (3_000..60_000).contains(&thumbnail.len()),
        "{}",
        thumbnail.len()
    );
}

#[test]
fn the_placeholder_is_a_grey_webp_and_always_the_same() {
    let shown = seen(&placeholder());
    assert_eq!((shown.width, shown.height), (512, 512));
    shown.assert_near(256, 256, [0xc4, 0xc6, 0xca, 255]);
    assert_eq!(placeholder(), placeholder());
    assert!(placeholder().len() < 2000);
}

fn thumbnailer(workers: usize, longest: Duration) -> Thumbnailer {
    Thumbnailer::new(ThumbnailSettings {
        workers,
        longest,
        ..SMALL
    })
}

#[tokio::test]
async fn a_picture_is_made_small_on_another_thread() {
    let thumbnailer = thumbnailer(1, SMALL.longest);
    let picture = Picture::plain(100, 50, [1, 2, 3, 255]).png();
    let made = thumbnailer.make(picture.into()).await.unwrap();
    assert_eq!(ImageFormat::detect(&made), Some(ImageFormat::Webp));
}

#[tokio::test]
async fn no_more_work_is_done_at_once_than_there_are_workers() {
    use std::sync::atomic::{AtomicUsize, Ordering};
    static NOW: AtomicUsize = AtomicUsize::new(0);
    static MOST: AtomicUsize = AtomicUsize::new(0);
    let picture = Bytes::from(Picture::photo(120, 90).png());
    let thumbnailer = thumbnailer(3, SMALL.longest);
    let all = (0..24).map(|_| {
        let picture = picture.clone();
        thumbnailer.in_time(move || {
            MOST.fetch_max(1 + NOW.fetch_add(1, Ordering::SeqCst), Ordering::SeqCst);
            let made = make_now(&picture, &SMALL);
            NOW.fetch_sub(1, Ordering::SeqCst);
            made
        })
    });
    let made = futures_util::future::join_all(all).await;
    assert!(made.iter().all(Result::is_ok));
    let most = MOST.load(Ordering::SeqCst);
    assert!((1..=3).contains(&most), "{most}");
    assert_eq!(thumbnailer.places.available_permits(), 3);
}

#[tokio::test]
async fn whoever_stops_waiting_for_a_worker_gives_the_place_back() {
    use futures_util::FutureExt;
    let thumbnailer = thumbnailer(1, SMALL.longest);
    let busy = Arc::clone(&thumbnailer.places).acquire_owned().await;
    let picture = Bytes::from(Picture::plain(8, 8, [9; 4]).png());
    let mut waiting = Box::pin(thumbnailer.make(picture.clone()));
    assert!(waiting.as_mut().now_or_never().is_none());
    drop(waiting);
    drop(busy);
    assert_eq!(thumbnailer.places.available_permits(), 1);
    assert!(thumbnailer.make(picture).await.is_ok());
}

#[tokio::test]
async fn a_caller_waits_no_longer_than_the_setting_and_the_worker_stays_taken_until_it_is_done() {
    let thumbnailer = thumbnailer(1, Duration::from_millis(20));
    let (release, released) = std::sync::mpsc::channel::<()>();
    let slow = thumbnailer.in_time(move || {
        let _ = released.recv();
        Err(NoThumbnail::NotAPicture)
    });
    let longest = Duration::from_millis(20);
    let too_long = Err(NoThumbnail::TookTooLong { longest });
    assert_eq!(slow.await, too_long);
    assert_eq!(thumbnailer.places.available_permits(), 0);
    let picture = Picture::plain(8, 8, [9; 4]).png();
    assert_eq!(thumbnailer.make(picture.into()).await, too_long);
    release.send(()).unwrap();
    assert!(thumbnailer.places.acquire().await.is_ok());
}

#[tokio::test]
async fn a_panic_is_a_broken_picture_and_frees_the_worker() {
    let thumbnailer = thumbnailer(1, SMALL.longest);
    let made = thumbnailer.in_time(|| panic!("a decoder's mistake")).await;
    assert!(matches!(made, Err(NoThumbnail::Broken(_))), "{made:?}");
    assert_eq!(thumbnailer.places.available_permits(), 1);
}
