//! Ends a build with `jpeg-simd` that would have no SIMD in it: without `nasm`, libjpeg's own build leaves it out
//! and says nothing that would be seen.

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    println!("cargo::rerun-if-env-changed=PATH");
    let has = |variable| std::env::var_os(variable).is_some();
    let is_x86 = std::env::var_os("CARGO_CFG_TARGET_ARCH")
        .is_some_and(|arch| arch == "x86_64" || arch == "x86");
    if has("CARGO_FEATURE_JPEG_SIMD") && is_x86 {
        let nasm = std::process::Command::new("nasm").arg("-v").output();
        if !nasm.is_ok_and(|output| output.status.success()) {
            println!(
                "cargo::error=the feature `jpeg-simd` needs the assembler `nasm`: install it (on \
                 Debian: apt-get install nasm), or build without the feature"
            );
        }
    }
}
