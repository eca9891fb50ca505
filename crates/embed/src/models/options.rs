//! Where to look for a model and how: folders, the hub's address, time limits.
//!
//! Only [`ResolveOptions::from_env`] reads the environment; everything else takes the options as they are.

use std::ffi::OsString;
use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

/// How a model is looked for and fetched.
#[derive(Clone)]
pub struct ResolveOptions {
    /// A model folder to use as it is; nothing is then fetched. Default: none.
    pub folder: Option<PathBuf>,
    /// syntopic's own cache. Default: `SYNTOPIC_CACHE`, else `$XDG_CACHE_HOME/syntopic`, else `~/.cache/syntopic`.
    pub cache_dir: PathBuf,
    /// The Hugging Face home; its `hub` folder is the cache. Default: `HF_HOME`, else `$XDG_CACHE_HOME/huggingface`,
    /// else `~/.cache/huggingface`. `None`: that cache is not looked at.
    pub hf_home: Option<PathBuf>,
    /// The Hugging Face cache itself, where it is not `<hf_home>/hub`. Default: `HF_HUB_CACHE`.
    pub hf_hub_cache: Option<PathBuf>,
    /// The hub's address. Default: `HF_ENDPOINT`; `None`: hf-hub's own default.
    pub endpoint: Option<String>,
    /// Sent to the hub as a bearer token. Default: `HF_TOKEN`, else the file `<hf_home>/token`.
    pub token: Option<String>,
    /// Fetch nothing, neither from the hub nor through pip. Default: `HF_HUB_OFFLINE` (1, on, yes, true).
    pub offline: bool,
    /// Ask the hub what a branch stands for now, where an earlier answer is remembered (of models that the registry does not
    /// list). Default: no.
    pub refresh: bool,
    /// The command that runs pip, as words. Default, and `None`: the first that works of `python3 -m pip`,
    /// `python -m pip`, `pip3`, `pip`.
    pub pip: Option<Vec<String>>,
    /// How long the hub may be silent before the next source is tried. Default: 10 s.
    pub hub_deadline: Duration,
}

/// A token is a secret: it is not printed.
impl fmt::Debug for ResolveOptions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ResolveOptions")
            .field("folder", &self.folder)
            .field("cache_dir", &self.cache_dir)
            .field("hf_home", &self.hf_home)
            .field("hf_hub_cache", &self.hf_hub_cache)
            .field("endpoint", &self.endpoint)
            .field("token", &self.token.as_ref().map(|_| "(set)"))
            .field("offline", &self.offline)
            .field("refresh", &self.refresh)
            .field("pip", &self.pip)
            .field("hub_deadline", &self.hub_deadline)
            .finish()
    }
}

impl ResolveOptions {
    /// How long the hub may be silent, where nothing else is said.
    pub const HUB_DEADLINE: Duration = Duration::from_secs(10);

    /// Options that use this cache and nothing of the environment: no Hugging Face cache, no token, online.
    #[must_use]
    pub fn new(cache_dir: impl Into<PathBuf>) -> Self {
        ResolveOptions {
            folder: None,
            cache_dir: cache_dir.into(),
            hf_home: None,
            hf_hub_cache: None,
            endpoint: None,
            token: None,
            offline: false,
            refresh: false,
            pip: None,
            hub_deadline: Self::HUB_DEADLINE,
        }
    }

    /// The options that the environment gives. An empty variable counts as unset.
    #[must_use]
    pub fn from_env() -> Self {
        Self::from_vars(&|name| std::env::var_os(name), std::env::home_dir())
    }

    fn from_vars(var: &dyn Fn(&str) -> Option<OsString>, home: Option<PathBuf>) -> Self {
        let var = |name: &str| var(name).filter(|value| !value.is_empty());
        let text = |name: &str| {
            var(name)
                .and_then(|value| value.into_string().ok())
                .map(|v| v.trim().to_string())
        };
        let caches = var("XDG_CACHE_HOME")
            .map(PathBuf::from)
            .or_else(|| home.map(|home| home.join(".cache")));
        let cache_dir = var("SYNTOPIC_CACHE").map(PathBuf::from);
        let cache_dir = cache_dir.or_else(|| caches.as_ref().map(|caches| caches.join("syntopic")));
        let hf_home = var("HF_HOME").map(PathBuf::from);
        let hf_home = hf_home.or_else(|| caches.map(|caches| caches.join("huggingface")));
        let login = || {
            let token = std::fs::read_to_string(hf_home.as_ref()?.join("token")).ok()?;
            Some(token.trim().to_string()).filter(|token| !token.is_empty())
        };
        let offline = text("HF_HUB_OFFLINE").map(|value| value.to_lowercase());
        ResolveOptions {
            hf_hub_cache: var("HF_HUB_CACHE").map(PathBuf::from),
            endpoint: text("HF_ENDPOINT"),
            token: text("HF_TOKEN").or_else(login),
            offline: offline
                .is_some_and(|value| ["1", "on", "yes", "true"].contains(&value.as_str())),
            hf_home,
            // A machine without any home folder: beside the work.
            ..Self::new(cache_dir.unwrap_or_else(|| PathBuf::from(".syntopic-cache")))
        }
    }

    /// The folder that holds `models--organisation--name`, if there is one to look at.
    pub(super) fn hub_cache(&self) -> Option<PathBuf> {
        self.hf_hub_cache
            .clone()
            .or_else(|| self.hf_home.as_ref().map(|home| home.join("hub")))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn from(vars: &[(&str, &str)]) -> ResolveOptions {
        let var = |name: &str| {
            vars.iter()
                .find(|(key, _)| *key == name)
                .map(|(_, value)| OsString::from(value))
        };
        ResolveOptions::from_vars(&var, Some(PathBuf::from("/home/u")))
    }

    #[test]
    fn the_environment_is_read_in_the_documented_order() {
        let plain = from(&[]);
        assert_eq!(plain.cache_dir, PathBuf::from("/home/u/.cache/syntopic"));
        assert_eq!(
            plain.hub_cache(),
            Some(PathBuf::from("/home/u/.cache/huggingface/hub"))
        );
        assert_eq!(
            (plain.endpoint, plain.token, plain.offline),
            (None, None, false)
        );
        assert_eq!(plain.hub_deadline, Duration::from_secs(10));

        let xdg = from(&[
            ("XDG_CACHE_HOME", "/c"),
            ("HF_HUB_OFFLINE", "0"),
            ("HF_TOKEN", ""),
        ]);
        assert_eq!(xdg.cache_dir, PathBuf::from("/c/syntopic"));
        assert_eq!(xdg.hub_cache(), Some(PathBuf::from("/c/huggingface/hub")));
        assert_eq!((xdg.token, xdg.offline), (None, false));

        let set = from(&[
            ("XDG_CACHE_HOME", "/c"),
            ("SYNTOPIC_CACHE", "/s"),
            ("HF_HOME", "/h"),
            ("HF_ENDPOINT", "http://127.0.0.1:1"),
            ("HF_TOKEN", "secret\n"),
            ("HF_HUB_OFFLINE", "True"),
        ]);
        assert_eq!(set.cache_dir, PathBuf::from("/s"));
        assert_eq!(set.hub_cache(), Some(PathBuf::from("/h/hub")));
        assert_eq!(set.endpoint.as_deref(), Some("http://127.0.0.1:1"));
        assert_eq!((set.token.as_deref(), set.offline), (Some("secret"), true));
        assert!(!format!("{set:?}").contains("secret"));

        let hub_cache = from(&[("HF_HOME", "/h"), ("HF_HUB_CACHE", "/elsewhere")]);
        assert_eq!(hub_cache.hub_cache(), Some(PathBuf::from("/elsewhere")));
    }
}
