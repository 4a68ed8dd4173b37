//! Tiles: 256 hashes of one level at a time, as [C2SP tlog-tiles](https://c2sp.org/tlog-tiles) names and serves them.

use std::{collections::BTreeMap, fmt};

use super::{Hash, Node, Nodes, node_hash};

/// Levels of the tree in one tile.
pub const TILE_HEIGHT: u8 = 8;

/// Hashes in a full tile.
pub const TILE_WIDTH: u64 = 1 << TILE_HEIGHT;

/// The levels of tiles that a tree of 2^64 entries has.
const TILE_LEVELS: u8 = 64 / TILE_HEIGHT;

/// Which tile: its hashes are the nodes of level `8 · level` from `256 · index` on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct TileId {
    /// 0 for leaf hashes.
    pub level: u8,
    /// Counted from the left, within its level.
    pub index: u64,
}

/// A path that names no tile.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not the path of a tile: N/xNNN/NNN, or that and .p/W with W from 1 to 255")]
pub struct TilePathError;

impl TileId {
    /// The tile that holds a node, or from which it is computed.
    pub fn holding(node: Node) -> Self {
        let level = node.level / TILE_HEIGHT;
        let above = node.level % TILE_HEIGHT;
        Self {
            level,
            index: node.index >> (TILE_HEIGHT - above),
        }
    }

    /// How many of its hashes a tree of `size` entries has: 0 to 256.
    pub fn width(self, size: u64) -> u64 {
        let nodes = size.checked_shr(u32::from(self.level) * u32::from(TILE_HEIGHT));
        let first = self.index.saturating_mul(TILE_WIDTH);
        nodes.unwrap_or(0).saturating_sub(first).min(TILE_WIDTH)
    }

    /// The path below `tile/`: `0/x001/x234/067`, with `.p/W` when only `width` of 256 are there.
    pub fn path(self, width: u64) -> String {
        format!("{}/{}", self.level, path_of(self.index, width))
    }

    /// Reads [`TileId::path`]; the width is 256 for a full tile. There is one way to write each.
    pub fn parse(path: &str) -> Result<(Self, u64), TilePathError> {
        let (level, rest) = path.split_once('/').ok_or(TilePathError)?;
        let level = decimal(level).filter(|level| *level < 64).ok_or(TilePathError)?;
        let (index, width) = parse_index(rest)?;
        let level = u8::try_from(level).map_err(|_| TilePathError)?;
        Ok((Self { level, index }, width))
    }
}

/// The path of a bundle of entries below `tile/entries/`, or of a tile below its level.
pub(crate) fn path_of(index: u64, width: u64) -> String {
    let mut path = format!("{:03}", index % 1_000);
    let mut rest = index / 1_000;
    while rest > 0 {
        path = format!("x{:03}/{path}", rest % 1_000);
        rest /= 1_000;
    }
    if width < TILE_WIDTH {
        path = format!("{path}.p/{width}");
    }
    path
}

/// Reads [`path_of`].
pub(crate) fn parse_index(path: &str) -> Result<(u64, u64), TilePathError> {
    let (index, width) = match path.split_once(".p/") {
        Some((index, width)) => {
            let width = decimal(width).filter(|width| (1..TILE_WIDTH).contains(width));
            (index, width.ok_or(TilePathError)?)
        }
        None => (path, TILE_WIDTH),
    };
    let mut number = 0_u64;
    for part in index.split('/') {
        let digits = part.strip_prefix('x').unwrap_or(part);
        if digits.len() != 3 || !digits.bytes().all(|b| b.is_ascii_digit()) {
            return Err(TilePathError);
        }
        let three: u64 = digits.parse().map_err(|_| TilePathError)?;
        let scaled = number.checked_mul(1_000).ok_or(TilePathError)?;
        number = scaled.checked_add(three).ok_or(TilePathError)?;
    }
    // The one way to write it: no leading zeroes, and an x before all groups but the last.
    (path_of(number, width) == path)
        .then_some((number, width))
        .ok_or(TilePathError)
}

fn decimal(text: &str) -> Option<u64> {
    let canonical = text == "0" || !text.starts_with('0');
    let digits = (1..=20).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_digit());
    (canonical && digits).then(|| text.parse().ok()).flatten()
}

/// The tiles of a tree of `new` entries that a tree of `old` entries has not, or not as wide, lowest level first.
pub fn tiles_of(old: u64, new: u64) -> impl Iterator<Item = TileId> {
    (0..TILE_LEVELS).flat_map(move |level| {
        let nodes = |size: u64| size >> (u32::from(level) * u32::from(TILE_HEIGHT));
        let (from, to) = (nodes(old), nodes(new));
        let tiles = if from < to {
            from / TILE_WIDTH..to.div_ceil(TILE_WIDTH)
        } else {
            0..0
        };
        tiles.map(move |index| TileId { level, index })
    })
}

/// Tiles that are at hand. Knows every node that they hold or that can be computed from one of them.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Tiles(BTreeMap<TileId, Vec<Hash>>);

impl Tiles {
    /// Adds the first hashes of a tile, in place of what was there. At most 256 count.
    pub fn insert(&mut self, id: TileId, mut hashes: Vec<Hash>) {
        hashes.truncate(usize::from(u8::MAX) + 1);
        self.0.insert(id, hashes);
    }

    /// The hashes of a tile, as many as are there.
    pub fn tile(&self, id: TileId) -> &[Hash] {
        self.0.get(&id).map_or(&[], Vec::as_slice)
    }

    /// Takes up a node that lies on the lowest level of a tile; others are computed from those.
    pub fn note(&mut self, level: u8, index: u64, hash: &Hash) {
        if level.is_multiple_of(TILE_HEIGHT) {
            let tile = self.0.entry(TileId::holding(Node { level, index })).or_default();
            if u64::try_from(tile.len()) == Ok(index % TILE_WIDTH) {
                tile.push(*hash);
            }
        }
    }
}

impl Nodes for Tiles {
    fn node(&self, node: Node) -> Option<Hash> {
        let above = node.level % TILE_HEIGHT;
        let first = (node.index << above) % TILE_WIDTH;
        let first = usize::try_from(first).ok()?;
        let hashes = self
            .0
            .get(&TileId::holding(node))?
            .get(first..first + (1 << above))?;
        perfect_root(hashes)
    }
}

/// The root of a perfect tree over `hashes`; `None` unless their number is a power of two.
fn perfect_root(hashes: &[Hash]) -> Option<Hash> {
    match hashes {
        [hash] => Some(*hash),
        _ if !hashes.len().is_power_of_two() => None,
        _ => {
            let (left, right) = hashes.split_at(hashes.len() / 2);
            Some(node_hash(&perfect_root(left)?, &perfect_root(right)?))
        }
    }
}

impl fmt::Debug for Tiles {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let widths = self.0.iter().map(|(id, hashes)| (id, hashes.len()));
        f.debug_map().entries(widths).finish()
    }
}
