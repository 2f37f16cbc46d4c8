//! Stops a build with the feature `jpeg-simd` if `nasm` is missing. libjpeg's own build would leave
//! the SIMD code out without an error.

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
