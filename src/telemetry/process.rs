//! Metrics of this process from the kernel, with the names that Prometheus' client libraries use.
//!
//! Read for each request of `/metrics`; without `/proc` they are left out.

use std::{fmt, fs};

use prometheus_client::{
    collector::Collector,
    encoding::{DescriptorEncoder, EncodeGaugeValue, NoLabelSet},
    metrics::MetricType,
};

/// Collects the metrics of the running process.
#[derive(Debug)]
pub(super) struct Process;

impl Collector for Process {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> fmt::Result {
        if let Some(stat) = fs::read_to_string("/proc/self/stat").ok().as_deref().and_then(Stat::parse) {
            let cpu = "User and system CPU time, seconds";
            let mut counter = encoder.encode_descriptor("process_cpu_seconds", cpu, None, MetricType::Counter)?;
            counter.encode_counter::<NoLabelSet, f64, f64>(&stat.cpu_seconds(), None)?;
            gauge(&mut encoder, "process_resident_memory_bytes", "Memory in use, bytes", &stat.resident_bytes())?;
            gauge(&mut encoder, "process_virtual_memory_bytes", "Address space in use, bytes", &stat.virtual_bytes)?;
            if let Some(boot) = fs::read_to_string("/proc/stat").ok().as_deref().and_then(boot_seconds) {
                let started = boot + stat.start_ticks as f64 / ticks_per_second();
                gauge(&mut encoder, "process_start_time_seconds", "When the process started, Unix time", &started)?;
            }
        }
        if let Ok(open) = fs::read_dir("/proc/self/fd") {
            // Without the directory that is being read.
            let open = open.count().saturating_sub(1) as u64;
            gauge(&mut encoder, "process_open_fds", "Open files and sockets", &open)?;
        }
        let limit = rustix::process::getrlimit(rustix::process::Resource::Nofile).current;
        if let Some(limit) = limit {
            gauge(&mut encoder, "process_max_fds", "Limit of open files and sockets", &limit)?;
        }
        Ok(())
    }
}

fn gauge(encoder: &mut DescriptorEncoder<'_>, name: &str, help: &str, value: &impl EncodeGaugeValue) -> fmt::Result {
    encoder.encode_descriptor(name, help, None, MetricType::Gauge)?.encode_gauge(value)
}

fn ticks_per_second() -> f64 {
    rustix::param::clock_ticks_per_second() as f64
}

/// When the machine booted, Unix time.
fn boot_seconds(stat: &str) -> Option<f64> {
    stat.lines().find_map(|line| line.strip_prefix("btime "))?.trim().parse().ok()
}

/// Fields of `/proc/self/stat`.
#[derive(Debug, PartialEq, Eq)]
struct Stat {
    cpu_ticks: u64,
    start_ticks: u64,
    virtual_bytes: u64,
    resident_pages: u64,
}

impl Stat {
    /// Parses the fields after the program's name, which is in parentheses and may contain any character.
    fn parse(text: &str) -> Option<Self> {
        let fields: Vec<&str> = text.rsplit_once(')')?.1.split_whitespace().collect();
        // Fields are numbered as in proc(5); the first one here is the third.
        let number = |field: usize| fields.get(field - 3)?.parse::<u64>().ok();
        Some(Self {
            cpu_ticks: number(14)? + number(15)?,
            start_ticks: number(22)?,
            virtual_bytes: number(23)?,
            resident_pages: number(24)?,
        })
    }

    fn cpu_seconds(&self) -> f64 {
        self.cpu_ticks as f64 / ticks_per_second()
    }

    fn resident_bytes(&self) -> u64 {
        self.resident_pages.saturating_mul(rustix::param::page_size() as u64)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parentheses_in_the_program_name_do_not_shift_the_fields() {
        let text =
            "7 (a) b (c) S 1 7 7 0 -1 4194560 100 0 0 0 12 30 0 0 20 0 9 0 5000 1000000 250 18446744073709551615";
        let expected = Stat { cpu_ticks: 42, start_ticks: 5000, virtual_bytes: 1_000_000, resident_pages: 250 };
        assert_eq!(Stat::parse(text), Some(expected));
        assert_eq!(Stat::parse("no such thing"), None);
        assert_eq!(boot_seconds("cpu 1 2\nbtime 1700000000\n"), Some(1_700_000_000.0));
    }
}
