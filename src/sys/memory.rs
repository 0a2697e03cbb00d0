//! The program's allocator.

use std::alloc::{GlobalAlloc, Layout};

use libmimalloc_sys as mi;

/// The program's allocator: mimalloc. What needs no more alignment than all memory has is asked for without; with it,
/// blocks above a kibibyte are searched for, and larger than needed.
#[derive(Clone, Copy, Debug, Default)]
pub struct Memory;

impl Memory {
    /// The alignment of all blocks that are no smaller than it: that of the C type with the largest one. Smaller blocks
    /// have that of their size, if it is a power of two.
    const COMMON_ALIGN: usize = 16;

    fn is_common(layout: Layout, size: usize) -> bool {
        layout.align() <= Self::COMMON_ALIGN && layout.align() <= layout.size().min(size)
    }
}

// SAFETY: mimalloc keeps the contract of `GlobalAlloc`; the calls without an alignment are made where its common one is
// enough (`MI_MAX_ALIGN_SIZE`), and blocks of either kind may be passed to all of its functions.
unsafe impl GlobalAlloc for Memory {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        let (size, align) = (layout.size(), layout.align());
        // SAFETY: the alignment of a layout is a power of two.
        let block = unsafe {
            if Self::is_common(layout, size) { mi::mi_malloc(size) } else { mi::mi_malloc_aligned(size, align) }
        };
        block.cast()
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        let (size, align) = (layout.size(), layout.align());
        // SAFETY: as in `alloc`.
        let block = unsafe {
            if Self::is_common(layout, size) { mi::mi_zalloc(size) } else { mi::mi_zalloc_aligned(size, align) }
        };
        block.cast()
    }

    unsafe fn dealloc(&self, block: *mut u8, _layout: Layout) {
        // SAFETY: the block came from here.
        unsafe { mi::mi_free(block.cast()) }
    }

    unsafe fn realloc(&self, block: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        let (old, align) = (block.cast(), layout.align());
        // SAFETY: the block came from here; the rest as in `alloc`.
        let block = unsafe {
            if Self::is_common(layout, size) {
                mi::mi_realloc(old, size)
            } else {
                mi::mi_realloc_aligned(old, size, align)
            }
        };
        block.cast()
    }
}
