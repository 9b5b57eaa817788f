//! The memory that argon2 works in. It is kept from check to check: allocated anew on whatever thread a check runs, it
//! would be charged to the allocator's arena of each of those threads, and the process would grow to many times what
//! runs at once.

use std::ops::{Deref, DerefMut};
use std::sync::{Mutex, MutexGuard, PoisonError};

use argon2::Block;
use zeroize::Zeroize;

/// What one check after another works in. It is as large as the configured parameters need, and larger only while a
/// stored hash asks for more.
pub(crate) struct Memory {
    blocks: Vec<Block>,
    usual: usize,
}

impl Memory {
    /// None yet; `kib` is the size that it will have.
    pub(crate) fn new(kib: u32) -> Self {
        Self { blocks: Vec::new(), usual: blocks_of(kib) }
    }

    /// At least this many KiB, of whatever content: argon2 writes each block before it reads it.
    ///
    /// # Errors
    /// When there is no memory.
    pub(crate) fn of(&mut self, kib: u32) -> Result<&mut [Block], argon2::Error> {
        let wanted = blocks_of(kib).max(self.usual);
        if self.blocks.len() < wanted {
            self.wipe();
            // Gone before the larger one comes: nothing of it is worth a copy.
            self.blocks = Vec::new();
            self.blocks.try_reserve_exact(wanted).map_err(|_| argon2::Error::OutOfMemory)?;
            self.blocks.resize(wanted, Block::new());
        }
        Ok(&mut self.blocks)
    }

    /// All of it, not what was used only: the time must not tell how much a stored hash needed.
    fn wipe(&mut self) {
        self.blocks.iter_mut().zeroize();
    }
}

/// A block is a KiB, and argon2 never needs more blocks than the KiB of its parameters.
fn blocks_of(kib: u32) -> usize {
    usize::try_from(kib).unwrap_or(usize::MAX)
}

/// The memories of one share that no check works in now.
pub(crate) struct Memories {
    free: Mutex<Vec<Memory>>,
    kib: u32,
}

impl Memories {
    pub(crate) fn new(kib: u32) -> Self {
        Self { free: Mutex::default(), kib }
    }

    /// One that was used before, or a new one. There are never more than were lent at once.
    pub(crate) fn lend(&self) -> Lent<'_> {
        let memory = self.free().pop().unwrap_or_else(|| Memory::new(self.kib));
        Lent { memory, owner: self }
    }

    /// How many are kept.
    #[cfg(test)]
    pub(crate) fn kept(&self) -> usize {
        self.free().len()
    }

    /// A list is whole whatever panics, so a poisoned lock is as good as any.
    fn free(&self) -> MutexGuard<'_, Vec<Memory>> {
        self.free.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A memory that goes back, wiped, when its check is over, also by a panic.
pub(crate) struct Lent<'a> {
    memory: Memory,
    owner: &'a Memories,
}

impl Deref for Lent<'_> {
    type Target = Memory;

    fn deref(&self) -> &Memory {
        &self.memory
    }
}

impl DerefMut for Lent<'_> {
    fn deref_mut(&mut self) -> &mut Memory {
        &mut self.memory
    }
}

impl Drop for Lent<'_> {
    fn drop(&mut self) {
        self.memory.wipe();
        // One dear stored hash must not hold up to 256 MiB for ever, nor a check that never began lie atop the list.
        if self.memory.blocks.len() == self.memory.usual {
            let memory = Memory { blocks: std::mem::take(&mut self.memory.blocks), usual: self.memory.usual };
            self.owner.free().push(memory);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::panic::{AssertUnwindSafe, catch_unwind};
    use std::ptr;

    use super::*;

    fn soil(blocks: &mut [Block]) {
        for block in blocks {
            block.as_mut().fill(u64::MAX);
        }
    }

    fn address(memory: &mut Memory) -> *const Block {
        memory.of(8).expect("memory").as_ptr()
    }

    fn is_clean(memories: &Memories) -> bool {
        let free = memories.free();
        free.iter().flat_map(|memory| &memory.blocks).all(|block| block.as_ref().iter().all(|word| *word == 0))
    }

    #[test]
    fn one_check_after_another_works_in_the_same_memory() {
        let memories = Memories::new(16);
        let first = address(&mut memories.lend());
        for _ in 0..5 {
            assert!(ptr::eq(address(&mut memories.lend()), first));
        }
        assert_eq!(memories.kept(), 1);
    }

    #[test]
    fn there_are_as_many_memories_as_were_lent_at_once() {
        let memories = Memories::new(16);
        for at_once in [1, 3, 2, 1, 3] {
            let mut lent: Vec<_> = (0..at_once).map(|_| memories.lend()).collect();
            let mut addresses: Vec<_> = lent.iter_mut().map(|memory| address(memory)).collect();
            addresses.sort_unstable();
            addresses.dedup();
            assert_eq!(addresses.len(), at_once, "nobody shares");
        }
        assert_eq!(memories.kept(), 3);
    }

    #[test]
    fn what_was_in_a_memory_is_wiped_when_its_check_ends_or_panics() {
        let memories = Memories::new(16);
        soil(memories.lend().of(16).expect("memory"));
        assert_eq!((memories.kept(), is_clean(&memories)), (1, true));

        let panicked = catch_unwind(AssertUnwindSafe(|| {
            let mut lent = memories.lend();
            soil(lent.of(16).expect("memory"));
            panic!("on purpose");
        }));
        assert!(panicked.is_err());
        assert_eq!((memories.kept(), is_clean(&memories)), (1, true));
    }

    #[test]
    fn a_memory_has_the_usual_size_or_what_a_dearer_hash_needs_and_that_only_until_its_check_ends() {
        let memories = Memories::new(16);
        for (wanted, given) in [(8, 16), (16, 16), (64, 64), (8, 16)] {
            assert_eq!(memories.lend().of(wanted).expect("memory").len(), given, "{wanted}");
            assert_eq!(memories.kept(), usize::from(given == 16), "{wanted}");
        }
    }

    #[test]
    fn a_check_that_used_no_memory_leaves_none() {
        let memories = Memories::new(16);
        drop(memories.lend());
        assert_eq!(memories.kept(), 0);
    }

    #[test]
    fn more_than_there_can_be_is_an_error() {
        let mut memory = Memory::new(16);
        memory.usual = usize::MAX;
        assert_eq!(memory.of(8).err(), Some(argon2::Error::OutOfMemory));
    }
}
