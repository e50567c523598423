#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| daimon_bounce_fuzz::tree(data));
