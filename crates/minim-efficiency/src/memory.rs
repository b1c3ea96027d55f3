use crate::{Event, Meter, Reading};

/// The highest resident memory of this process so far, in bytes (`VmHWM` of `/proc/self/status`); `None` where the system doesn't tell.
pub fn peak_memory_bytes() -> Option<u64> {
    status("VmHWM:")
}

/// The resident memory of this process now, in bytes (`VmRSS`); `None` where the system doesn't tell.
pub fn resident_bytes() -> Option<u64> {
    status("VmRSS:")
}

fn status(key: &str) -> Option<u64> {
    let text = std::fs::read_to_string("/proc/self/status").ok()?;
    let kib: u64 = text.lines().find_map(|line| line.strip_prefix(key))?.trim().strip_suffix(" kB")?.parse().ok()?;
    Some(kib * 1024)
}

/// Peak memory of the process at the end of a run. One process a run: the peak of one is not the peak of another.
#[derive(Debug, Default)]
pub struct MemoryMeter;

impl Meter for MemoryMeter {
    fn observe(&mut self, _: &Event) {}

    fn finish(&self) -> Vec<Reading> {
        let reading = |bytes| Reading { name: "peak_memory_bytes", unit: "B", value: bytes as f64 };
        peak_memory_bytes().map(reading).into_iter().collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    #[cfg(target_os = "linux")]
    fn the_peak_sees_an_allocation() {
        let before = peak_memory_bytes().unwrap();
        let block = vec![1_u8; 64 << 20];
        assert!(block.iter().map(|&b| u64::from(b)).sum::<u64>() > 0);
        let after = peak_memory_bytes().unwrap();
        assert!(after >= before + (48 << 20), "{before} {after}");
        assert!(resident_bytes().unwrap() <= after);
    }
}
