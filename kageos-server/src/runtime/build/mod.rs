//! From a commit to a program: Cargo in a sandbox, on top of a layer that is compiled already.

mod cargo;
mod crates;
mod diagnostic;
mod folder;
mod layer;
mod packed;
mod program;
mod queue;
mod supply;
mod toolchain;

pub use cargo::BuildLimits;
pub(crate) use cargo::{Confined, Job};
pub use crates::Crates;
pub use diagnostic::{Diagnostic, Fix, FixEdit, Place};
pub(crate) use folder::{BuildFolder, MAX_BUILD, folder_size, remove_tree};
pub use layer::{Ingredients, Layer};
pub(crate) use layer::{now, outlook};
pub(crate) use packed::HashWriter;
pub use packed::{Packed, PackedError};
pub(crate) use program::{fetch_program, is_program, program_of, take_program};
pub(crate) use queue::{Priority, Queue, Turn};
pub use supply::Supply;
