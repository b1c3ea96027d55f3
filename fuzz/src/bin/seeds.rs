//! Writes what each target starts from, the file unbroken, to `corpus/<target>/whole` in the working folder.

fn main() -> std::io::Result<()> {
    for (target, ..) in minim_fuzz::TARGETS {
        let folder = std::path::Path::new("corpus").join(target);
        std::fs::create_dir_all(&folder)?;
        std::fs::write(folder.join("whole"), minim_fuzz::seed(target))?;
    }
    Ok(())
}
