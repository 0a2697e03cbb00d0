#![no_main]
libfuzzer_sys::fuzz_target!(|bytes: &[u8]| rootwalk_fuzz::message(bytes));
