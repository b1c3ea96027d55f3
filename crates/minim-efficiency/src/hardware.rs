/// The machine that a run is on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Machine {
    /// Model name of the processor; `unknown` where the system doesn't tell.
    pub cpu: String,
    /// Cores that this process may use.
    pub cores: usize,
    /// Memory of the machine in bytes; 0 where the system doesn't tell.
    pub memory_bytes: u64,
}

/// Reads what the system says about the machine.
pub fn machine() -> Machine {
    let read = |path| std::fs::read_to_string(path).unwrap_or_default();
    let cpu = read("/proc/cpuinfo")
        .lines()
        .find_map(|line| line.strip_prefix("model name")?.split_once(':').map(|(_, name)| name.trim().to_string()))
        .unwrap_or_else(|| "unknown".into());
    let memory_kib = read("/proc/meminfo")
        .lines()
        .find_map(|line| line.strip_prefix("MemTotal:")?.trim().strip_suffix(" kB")?.parse::<u64>().ok())
        .unwrap_or(0);
    let cores = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    Machine { cpu, cores, memory_bytes: memory_kib * 1024 }
}

#[cfg(test)]
mod tests {
    #[test]
    fn a_machine_has_a_core() {
        assert!(super::machine().cores >= 1);
    }
}
