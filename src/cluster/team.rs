//! Work on blocks by the calling thread and helpers.
//!
//! Helpers see plain memory and nothing of PostgreSQL: all signals are blocked in them, so that those of the
//! backend reach its own thread, and only that one calls `tick`, between blocks, to look for a cancellation. If
//! `tick` unwinds, the helpers stop after their block and are joined before the unwinding goes on.

use std::panic::resume_unwind;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

/// Who works: so many threads, the calling one included.
pub struct Team<'t> {
    threads: usize,
    tick: &'t mut dyn FnMut(),
}

impl<'t> Team<'t> {
    pub fn new(threads: usize, tick: &'t mut dyn FnMut()) -> Self {
        Team { threads, tick }
    }

    /// Looks for a cancellation.
    pub fn tick(&mut self) {
        (self.tick)();
    }

    /// Works on every item and returns the results in the order of the items, whoever computed them.
    pub fn each<I: Send, R: Send>(
        &mut self,
        items: impl IntoIterator<Item = I, IntoIter: Send + ExactSizeIterator>,
        work: impl Fn(I) -> R + Sync,
    ) -> Vec<R> {
        let items = items.into_iter();
        let helpers = self.threads.min(items.len()).saturating_sub(1);
        let mut done = Vec::with_capacity(items.len());
        let queue = Mutex::new(items.enumerate());
        let stopped = AtomicBool::new(false);
        let next = || {
            if stopped.load(Ordering::Relaxed) {
                return None;
            }
            queue.lock().ok()?.next()
        };
        let help = || {
            let mut done = Vec::new();
            while let Some((place, item)) = next() {
                done.push((place, work(item)));
            }
            done
        };
        thread::scope(|scope| {
            let stop = StopWhenUnwinding(&stopped);
            let started: Vec<_> = {
                let _blocked = (helpers > 0).then(signals::Blocked::enter);
                // Where the system gives no thread, those that there are do the work.
                (0..helpers).filter_map(|_| thread::Builder::new().spawn_scoped(scope, help).ok()).collect()
            };
            while let Some((place, item)) = next() {
                done.push((place, work(item)));
                (self.tick)();
            }
            for helper in started {
                match helper.join() {
                    Ok(others) => done.extend(others),
                    Err(panic) => resume_unwind(panic),
                }
            }
            std::mem::forget(stop);
        });
        done.sort_unstable_by_key(|(place, _)| *place);
        done.into_iter().map(|(_, result)| result).collect()
    }
}

/// Has the helpers stop when the calling thread unwinds.
struct StopWhenUnwinding<'s>(&'s AtomicBool);

impl Drop for StopWhenUnwinding<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

mod signals {
    use std::mem::MaybeUninit;
    use std::ptr;

    /// While it lives, the thread and those that it starts get no signal.
    pub struct Blocked(libc::sigset_t);

    impl Blocked {
        pub fn enter() -> Self {
            let (mut all, mut before) = (MaybeUninit::uninit(), MaybeUninit::uninit());
            // SAFETY: both sets are filled by the calls that are given them.
            unsafe {
                libc::sigfillset(all.as_mut_ptr());
                libc::sigemptyset(before.as_mut_ptr());
                libc::pthread_sigmask(libc::SIG_BLOCK, all.as_ptr(), before.as_mut_ptr());
                Blocked(before.assume_init())
            }
        }
    }

    impl Drop for Blocked {
        fn drop(&mut self) {
            // SAFETY: puts back the mask that was there before.
            unsafe { libc::pthread_sigmask(libc::SIG_SETMASK, &self.0, ptr::null_mut()) };
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;
    use std::panic::{AssertUnwindSafe, catch_unwind};
    use std::time::Duration;

    fn busy(item: usize) -> (usize, thread::ThreadId) {
        thread::sleep(Duration::from_millis(1));
        (item * item, thread::current().id())
    }

    #[test]
    fn results_are_in_order_and_several_threads_work() {
        for threads in [1, 3] {
            let mut ticks = 0;
            let mut tick = || ticks += 1;
            let results = Team::new(threads, &mut tick).each(0..50, busy);
            assert!(results.iter().enumerate().all(|(place, (square, _))| *square == place * place));
            let who: HashSet<_> = results.iter().map(|(_, who)| *who).collect();
            assert_eq!(who.len(), threads);
            assert!(ticks > 0);
        }
    }

    #[test]
    fn an_unwinding_tick_stops_everybody() {
        let begun = Mutex::new(0);
        let mut tick = || resume_unwind(Box::new("cancelled"));
        let work = |item| {
            *begun.lock().unwrap() += 1;
            busy(item)
        };
        let outcome = catch_unwind(AssertUnwindSafe(|| Team::new(2, &mut tick).each(0..1_000, work)));
        assert!(outcome.is_err());
        assert!(*begun.lock().unwrap() < 20);
    }

    #[test]
    fn a_panic_of_a_helper_reaches_the_caller() {
        let work = |item: usize| {
            busy(item);
            if thread::current().name() != Some("caller") {
                resume_unwind(Box::new("damaged"));
            }
        };
        let caller = thread::Builder::new().name("caller".to_owned());
        let caller = caller.spawn(move || Team::new(2, &mut || ()).each(0..50, work));
        assert!(caller.unwrap().join().is_err());
    }

    #[test]
    fn helpers_get_no_signals_and_the_caller_does_again() {
        let blocked = || {
            let mut mask = std::mem::MaybeUninit::uninit();
            // SAFETY: reads the mask of this thread into the set.
            unsafe {
                libc::pthread_sigmask(libc::SIG_BLOCK, std::ptr::null(), mask.as_mut_ptr());
                libc::sigismember(mask.as_ptr(), libc::SIGINT) == 1
            }
        };
        let work = |item| (busy(item).1, blocked());
        let results = Team::new(2, &mut || ()).each(0..50, work);
        let me = thread::current().id();
        assert!(results.iter().all(|(who, blocked)| (*who == me) != *blocked));
        assert!(!blocked());
    }
}
