//! Byte compares on 64 bytes at a time, whatever the registers: no vector code here.

/// Bytes to a block.
pub(crate) const BLOCK: usize = 64;

/// The compares that masks are made of, on 64 bytes; bit i of a mask stands for byte i.
pub(crate) trait Lanes {
    /// Takes the bytes in.
    fn load(block: &[u8; BLOCK]) -> Self;
    /// Bytes that are `byte`.
    fn equal(&self, byte: u8) -> u64;
    /// Bytes from `first` to `last`.
    fn between(&self, first: u8, last: u8) -> u64;
    /// `[A-Za-z]`.
    fn letters(&self) -> u64;
    /// Bytes from 0x80 on.
    fn non_ascii(&self) -> u64;
}

/// Work that is compiled once for each width of registers.
#[cfg(target_arch = "x86_64")]
pub(crate) trait Task {
    /// What comes of it.
    type Output;
    /// Does it. To be `#[inline(always)]`, with all that touches `L`: only what ends up inside the function compiled for
    /// wide registers uses them.
    fn run<L: Lanes>(self) -> Self::Output;
}

/// 64 bytes one by one: the safe twin of the vector registers. Masks made so cost more than they save: tests only.
#[cfg(test)]
pub(crate) struct Portable([u8; BLOCK]);

#[cfg(test)]
impl Portable {
    #[inline(always)]
    fn mask(&self, test: impl Fn(u8) -> bool) -> u64 {
        self.0.iter().rev().fold(0, |mask, &byte| mask << 1 | u64::from(test(byte)))
    }
}

#[cfg(test)]
impl Lanes for Portable {
    #[inline(always)]
    fn load(block: &[u8; BLOCK]) -> Self {
        Self(*block)
    }

    #[inline(always)]
    fn equal(&self, byte: u8) -> u64 {
        self.mask(|b| b == byte)
    }

    #[inline(always)]
    fn between(&self, first: u8, last: u8) -> u64 {
        self.mask(|b| (first..=last).contains(&b))
    }

    #[inline(always)]
    fn letters(&self) -> u64 {
        self.mask(|b| b.is_ascii_alphabetic())
    }

    #[inline(always)]
    fn non_ascii(&self) -> u64 {
        self.mask(|b| b >= 0x80)
    }
}
