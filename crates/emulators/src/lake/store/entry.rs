//! What the tree of names holds at each path.

use std::sync::Arc;

use super::draft::Draft;
use crate::lake::{
    acl::AccessControl,
    lease::Lease,
    properties::{ContentHeaders, Properties},
    stamp::Stamp,
    tags::Tags,
};

/// A file or a directory.
#[derive(Debug, Clone)]
pub(crate) struct Entry {
    /// The last change: entity tag and `Last-Modified`.
    pub(crate) stamp: Stamp,
    pub(crate) created: Stamp,
    pub(crate) properties: Properties,
    /// The `x-ms-client-transaction-id` of the create or rename that made this entry.
    pub(crate) transaction_id: Option<String>,
    pub(crate) access: Arc<AccessControl>,
    pub(crate) lease: Lease,
    /// When it vanishes; only files do.
    pub(crate) expires: Option<Stamp>,
    pub(crate) tags: Tags,
    pub(crate) node: Node,
}

#[derive(Debug, Clone)]
pub(crate) enum Node {
    Directory,
    File(Box<FileNode>),
}

/// A published file, and what was appended to it since.
#[derive(Debug, Clone)]
pub(crate) struct FileNode {
    /// Tells this content from any other that was or will be at the same path.
    pub(super) id: u64,
    /// In bytes, as readers see it.
    pub(crate) length: u64,
    pub(crate) headers: ContentHeaders,
    /// The copy that made this content.
    pub(crate) copy: Option<Box<CopyRecord>>,
    /// The blocks it was put together from; empty unless Put Block List made it.
    pub(crate) blocks: Arc<[CommittedBlock]>,
    pub(super) draft: Option<Arc<Draft>>,
}

/// A block of a published file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct CommittedBlock {
    /// In base64, as the client gave it.
    pub(crate) id: String,
    pub(crate) offset: u64,
    pub(crate) length: u64,
}

/// A copy by Copy Blob or Copy Blob From URL, which is over when its request is answered.
#[derive(Debug, Clone)]
pub(crate) struct CopyRecord {
    pub(crate) id: String,
    /// The URL it came from, without its query.
    pub(crate) source: String,
    pub(crate) completed: Stamp,
}

impl FileNode {
    /// The content of an empty file that nobody writes to piece by piece.
    pub(super) fn empty(headers: ContentHeaders) -> Self {
        Self { id: u64::MAX, length: 0, headers, copy: None, blocks: Arc::default(), draft: None }
    }
}

impl Entry {
    /// A directory that no principal made.
    pub(super) fn directory(stamp: Stamp) -> Self {
        Self {
            access: Arc::new(AccessControl::of_superuser(true)),
            stamp,
            created: stamp,
            properties: Properties::default(),
            transaction_id: None,
            lease: Lease::default(),
            expires: None,
            tags: Tags::default(),
            node: Node::Directory,
        }
    }

    pub(crate) fn is_directory(&self) -> bool {
        matches!(self.node, Node::Directory)
    }

    pub(crate) fn file(&self) -> Option<&FileNode> {
        match &self.node {
            Node::Directory => None,
            Node::File(file) => Some(file),
        }
    }

    pub(crate) fn file_mut(&mut self) -> Option<&mut FileNode> {
        match &mut self.node {
            Node::Directory => None,
            Node::File(file) => Some(file),
        }
    }

    /// Takes over the content headers that are given; a directory has none.
    pub(crate) fn update_headers(&mut self, headers: ContentHeaders) {
        if let Some(file) = self.file_mut() {
            file.headers.update(headers);
        }
    }

    /// The length as listings give it: a directory has none.
    pub(crate) fn length(&self) -> u64 {
        self.file().map_or(0, |file| file.length)
    }
}
