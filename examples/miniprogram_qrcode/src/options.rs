//! The command line.

use std::{collections::HashSet, fs, path::PathBuf};

use clap::{Parser, ValueEnum};

use crate::{Failure, scene::Scene};

/// Writes the codes of a mini program, one picture for each scene. The account is `WECHAT_APP_ID` and `WECHAT_APP_SECRET` in
/// the environment.
#[derive(Debug, Parser)]
pub struct Options {
    /// The page that a code leads to, without `/` in front: pages/index/index
    #[arg(long)]
    pub page: String,
    /// The folder for the pictures; it is made if it is not there
    #[arg(long, value_name = "FOLDER")]
    pub into: PathBuf,
    /// A file with a scene in each line, beside those that are named here
    #[arg(long, value_name = "FILE")]
    pub list: Option<PathBuf>,
    /// The version that a code opens; `trial` and `develop` also open pages that are not released yet
    #[arg(long, value_enum, default_value = "release")]
    pub env_version: EnvVersion,
    /// How many pictures are asked for at the same time
    #[arg(long, value_name = "NUMBER", default_value_t = 8, value_parser = clap::value_parser!(u8).range(1..=64))]
    pub at_once: u8,
    /// What the page is told: up to 32 letters, digits and !#$&'()*+,/:;=?@-._~
    #[arg(value_name = "SCENE")]
    pub scenes: Vec<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum EnvVersion {
    Release,
    Trial,
    Develop,
}

impl EnvVersion {
    pub fn name(self) -> &'static str {
        match self {
            Self::Release => "release",
            Self::Trial => "trial",
            Self::Develop => "develop",
        }
    }
}

impl Options {
    /// All scenes, each once, in their order.
    pub fn scenes(&self) -> Result<Vec<Scene>, Failure> {
        let list = match &self.list {
            Some(list) => fs::read_to_string(list).map_err(|error| format!("{}: {error}", list.display()))?,
            None => String::new(),
        };
        let named = self.scenes.iter().map(String::as_str);
        // Some editors put a mark at the beginning of a file.
        let list = list.strip_prefix('\u{feff}').unwrap_or(&list);
        let listed = list.lines().map(str::trim).enumerate().filter(|(_, line)| !line.is_empty());
        let listed = listed.map(|(number, line)| (Some(number + 1), line));
        let (mut scenes, mut known) = (Vec::new(), HashSet::new());
        for (line, text) in named.map(|text| (None, text)).chain(listed) {
            let scene = Scene::new(text).ok_or_else(|| {
                let line = line.map(|line| format!("line {line}: ")).unwrap_or_default();
                format!(
                    "{line}{text:?} cannot be a scene, which has up to 32 letters, digits and {}",
                    Scene::SIGNS
                )
            })?;
            if known.insert(scene.clone()) {
                scenes.push(scene);
            }
        }
        if scenes.is_empty() {
            return Err("name a scene, or a --list of them".into());
        }
        Ok(scenes)
    }
}
