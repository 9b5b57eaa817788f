//! Numbers that look random and are the same for the same seed (`SplitMix64`).

/// A row of numbers.
pub(crate) struct Random(u64);

impl Random {
    pub(crate) fn new(seed: u64) -> Self {
        Self(seed)
    }

    pub(crate) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// A number from `first` up to and without `end`.
    pub(crate) fn within(&mut self, first: u32, end: u32) -> u32 {
        let span = u64::from(end - first);
        first + u32::try_from(self.next() % span).expect("below a small number")
    }

    /// One of these.
    pub(crate) fn one_of<'a, T>(&mut self, all: &'a [T]) -> &'a T {
        let at = self.within(0, u32::try_from(all.len()).expect("few"));
        &all[at as usize]
    }

    /// Yes, once in `times`.
    pub(crate) fn once_in(&mut self, times: u32) -> bool {
        self.within(0, times) == 0
    }
}
