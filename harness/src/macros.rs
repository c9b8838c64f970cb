//! The macro that makes a bench target of workloads.

/// Makes the bench target's `main` from workload functions, or from a function that registers a whole suite.
///
/// Expand it in `benches/exuvia.rs` (with `harness = false`), beside the global allocator:
///
/// ```
/// use exuvia_harness::{Alloc, Workload};
///
/// #[global_allocator]
/// static ALLOC: Alloc = Alloc::system();
///
/// fn sum(w: &mut Workload) {
///     w.param("n", [100]).expect(|p| p["n"] * (p["n"] - 1) / 2);
///     w.variant("forwards", |p, _| (0..p["n"]).collect::<Vec<_>>(), |v| v.iter().sum());
/// }
/// exuvia_harness::main!(sum);
/// ```
///
/// or `exuvia_harness::main!(suite = |suite: &mut Suite| { my_crate::register(suite); });`. A function becomes the
/// workload `package/function`.
#[cfg(feature = "cli")]
#[macro_export]
macro_rules! main {
    (suite = $register:expr) => {
        $crate::__counting!();

        fn main() -> ::std::process::ExitCode {
            let program = $crate::cli::Program {
                package: env!("CARGO_PKG_NAME"),
                manifest_dir: env!("CARGO_MANIFEST_DIR"),
                count: __exuvia_counting::COUNT,
            };
            $crate::cli::run(program, $register)
        }
    };
    ($($workload:path),+ $(,)?) => {
        $crate::main!(suite = |suite: &mut $crate::Suite| {
            $( suite.workload(&$crate::cli::id_of(env!("CARGO_PKG_NAME"), stringify!($workload)), $workload); )+
        });
    };
}

/// Without the command line there is nothing a bench target could do.
#[cfg(not(feature = "cli"))]
#[macro_export]
macro_rules! main {
    ($($anything:tt)*) => {
        compile_error!(
            "exuvia_harness::main! needs the feature `full` (or `cli`) of exuvia-harness"
        );
    };
}

/// The group of counted cases; in the bench target, because iai-callgrind's runner looks the target up by its file.
#[cfg(all(feature = "cli", feature = "instructions"))]
#[doc(hidden)]
#[macro_export]
macro_rules! __counting {
    () => {
        mod __exuvia_counting {
            use $crate::iai_callgrind::{self, BinaryBenchmarkGroup};
            iai_callgrind::binary_benchmark_group!(
                name = cases;
                benchmarks = |group: &mut BinaryBenchmarkGroup| $crate::__add_benchmarks(group)
            );
            iai_callgrind::main!(
                config = $crate::__counting_config();
                binary_benchmark_groups = cases
            );
            fn run() {
                main();
            }
            pub(super) const COUNT: Option<fn()> = Some(run);
        }
    };
}

/// Without the instrument there is no group.
#[cfg(all(feature = "cli", not(feature = "instructions")))]
#[doc(hidden)]
#[macro_export]
macro_rules! __counting {
    () => {
        mod __exuvia_counting {
            pub(super) const COUNT: Option<fn()> = None;
        }
    };
}
