//! The pictures of all scenes.

use std::{fs, io, path::Path, sync::OnceLock};

use account::say;
use futures_util::{StreamExt, stream};

use crate::{Failure, code::Codes, error::CodeError, file, options::Options, picture::Picture, scene::Scene};

/// What became of a scene.
enum Outcome {
    Written {
        name: String,
        length: usize,
    },
    There,
    /// An error before made it useless.
    NotAskedFor,
    Failed(CodeError),
}

/// Writes the pictures that are not there, and says what became of each. Returns whether all of them are there.
pub async fn run(codes: &Codes, options: &Options) -> Result<bool, Failure> {
    let scenes = options.scenes()?;
    fs::create_dir_all(&options.into).map_err(|error| format!("{}: {error}", options.into.display()))?;
    let stopped = OnceLock::new();
    let mut outcomes = stream::iter(&scenes)
        .map(async |scene| (scene, picture(codes, options, scene, &stopped).await))
        .buffered(options.at_once.into());
    let mut missing = 0;
    while let Some((scene, outcome)) = outcomes.next().await {
        match outcome {
            Outcome::Written { name, length } => say!("   {scene:<20} {name}, {length} bytes"),
            Outcome::There => say!("   {scene:<20} is there already"),
            Outcome::NotAskedFor => {
                say!("   {scene:<20} not asked for");
                missing += 1;
            }
            Outcome::Failed(error) => {
                say!("   {scene:<20} {error}");
                missing += 1;
            }
        }
    }
    if let Some(advice) = stopped.get() {
        say!("   {advice}");
    }
    say!("   {} of {} pictures are there.", scenes.len() - missing, scenes.len());
    Ok(missing == 0)
}

async fn picture(
    codes: &Codes,
    options: &Options,
    scene: &Scene,
    stopped: &OnceLock<&'static str>,
) -> Outcome {
    let stem = scene.file_stem();
    if Picture::ENDINGS.iter().any(|ending| options.into.join(format!("{stem}.{ending}")).exists()) {
        return Outcome::There;
    }
    if stopped.get().is_some() {
        return Outcome::NotAskedFor;
    }
    match ask_and_write(codes, options, scene, &stem).await {
        Ok(written) => written,
        Err(error) => {
            if let Some(advice) = error.stops_all() {
                // One advice is enough.
                let _ = stopped.set(advice);
            }
            Outcome::Failed(error)
        }
    }
}

async fn ask_and_write(
    codes: &Codes,
    options: &Options,
    scene: &Scene,
    stem: &str,
) -> Result<Outcome, CodeError> {
    let picture = codes.picture(&options.page, options.env_version, scene).await?;
    let (name, length) = (format!("{stem}.{}", picture.ending), picture.bytes.len());
    match write(&options.into, &name, picture).await {
        Ok(()) => Ok(Outcome::Written { name, length }),
        Err(error) => Err(CodeError::Unwritten(format!("{name}: {error}"))),
    }
}

/// On a thread where waiting for the disk holds up nobody.
async fn write(folder: &Path, name: &str, picture: Picture) -> io::Result<()> {
    let (folder, name) = (folder.to_owned(), name.to_owned());
    tokio::task::spawn_blocking(move || file::write(&folder, &name, &picture.bytes)).await?
}
