//! Threads that count batches. Knows scanners and counts; no documents, no samples.

use super::batch::Batch;
use crate::count::{PieceCounts, excerpt};
use crate::pretokenize::Pattern;
use crate::{Error, Result};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::Relaxed};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::{Builder, JoinHandle};

/// Pieces scanned before they are counted: their ends stay in L1, and a stop is noticed in time.
const SCAN_LIMIT: usize = 2048;
/// Batches that wait, per worker.
const WAITING: usize = 2;

/// Counts batches.
pub(super) struct Worker {
    pattern: Pattern,
    counts: PieceCounts,
    /// Ends within the batch's bytes; from `counted` on they are not counted yet.
    ends: Vec<usize>,
    /// Counts the superpieces of the same batches, where they are wanted.
    superpieces: Option<Box<Self>>,
}

impl Worker {
    fn new(pattern: Pattern) -> Self {
        Self { pattern, counts: PieceCounts::new(), ends: Vec::new(), superpieces: None }
    }

    fn with_superpieces(pattern: Pattern, superword: Option<&Pattern>) -> Self {
        let superpieces = superword.map(|pattern| Box::new(Self::new(pattern.clone())));
        Self { superpieces, ..Self::new(pattern) }
    }

    /// What was counted, both tables.
    fn into_counts(self) -> PieceCounts {
        let mut counts = self.counts;
        if let Some(superpieces) = self.superpieces {
            counts.set_superpieces(superpieces.counts, superpieces.pattern.name().unwrap_or_default());
        }
        counts
    }

    /// Counts all segments, or fewer if `stop` is set meanwhile.
    ///
    /// Ends are collected over segments, which tile the batch, so that short lines fill whole blocks of the table.
    fn count(&mut self, batch: &Batch, stop: &AtomicBool) -> Result<()> {
        let (mut start, mut counted) = (0, 0);
        self.ends.clear();
        for &end in &batch.ends {
            let segment = &batch.bytes[start..end];
            let mut at = 0;
            while at < segment.len() {
                let first = self.ends.len();
                at = self
                    .pattern
                    .scan(segment, at, SCAN_LIMIT, &mut self.ends)
                    .map_err(|e| failed_in(&e, segment, at))?;
                self.ends[first..].iter_mut().for_each(|e| *e += start);
                if self.ends.len() >= SCAN_LIMIT {
                    counted = self.flush(&batch.bytes, counted)?;
                    if stop.load(Relaxed) {
                        return Ok(());
                    }
                }
            }
            start = end;
        }
        self.flush(&batch.bytes, counted)?;
        self.superpieces.as_mut().map_or(Ok(()), |worker| worker.count(batch, stop))
    }

    /// Counts the spans that wait and gives where the last one ends.
    fn flush(&mut self, bytes: &[u8], counted: usize) -> Result<usize> {
        self.counts.add_spans(bytes, counted, &self.ends)?;
        let end = self.ends.last().copied().unwrap_or(counted);
        self.ends.clear();
        Ok(end)
    }
}

/// The answer to whoever goes on after an error.
pub(super) fn failed_before() -> Error {
    Error::argument("counting has ended with an earlier error").hint("begin with a new counter")
}

fn failed_in(cause: &Error, segment: &[u8], at: usize) -> Error {
    let error = Error::new(cause.kind(), format!("cutting \"{}\" into pieces: {cause}", excerpt(&segment[at..])));
    match cause.next_step() {
        Some(hint) => error.hint(hint),
        None => error,
    }
}

/// One worker on the caller's thread, or many on their own.
pub(super) enum Workers {
    Here(Box<Worker>),
    Threads(Pool),
}

impl Workers {
    /// # Errors
    /// Those of starting a thread.
    pub(super) fn start(pattern: &Pattern, superword: Option<&Pattern>, n_threads: usize) -> Result<Self> {
        if n_threads == 1 {
            return Ok(Self::Here(Box::new(Worker::with_superpieces(pattern.clone(), superword))));
        }
        Pool::start(pattern, superword, n_threads).map(Self::Threads)
    }

    /// Counts `batch` or hands it to a thread that does, and gives an empty one.
    ///
    /// # Errors
    /// What a worker met, now or earlier.
    pub(super) fn submit(&mut self, mut batch: Batch) -> Result<Batch> {
        match self {
            Self::Threads(pool) => pool.submit(batch),
            Self::Here(worker) => {
                worker.count(&batch, &AtomicBool::new(false))?;
                batch.clear();
                Ok(batch)
            }
        }
    }

    /// Distinct pieces so far, those of several threads counted several times.
    pub(super) fn n_pieces_at_most(&self) -> usize {
        match self {
            Self::Here(worker) => worker.counts.len(),
            Self::Threads(pool) => pool.shared.n_pieces.iter().map(|n| n.load(Relaxed)).sum(),
        }
    }

    /// Waits for all batches and adds up.
    ///
    /// # Errors
    /// What a worker met.
    pub(super) fn finish(self) -> Result<PieceCounts> {
        match self {
            Self::Here(worker) => Ok(worker.into_counts()),
            Self::Threads(pool) => pool.finish(),
        }
    }
}

/// Threads, joined when it is dropped.
pub(super) struct Pool {
    /// `None` once no more batches come.
    sender: Option<SyncSender<Batch>>,
    handles: Vec<JoinHandle<PieceCounts>>,
    shared: Arc<Shared>,
}

#[derive(Default)]
struct Shared {
    /// Workers end at the next chance and leave what waits.
    stop: AtomicBool,
    /// The error of the batch with the lowest number that failed.
    failure: Mutex<Option<(u64, Error)>>,
    /// Used batches, emptied.
    spares: Mutex<Vec<Batch>>,
    /// Distinct pieces by worker.
    n_pieces: Vec<AtomicUsize>,
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Pool {
    fn start(pattern: &Pattern, superword: Option<&Pattern>, n_threads: usize) -> Result<Self> {
        let (sender, receiver) = sync_channel(n_threads * WAITING);
        let receiver = Arc::new(Mutex::new(receiver));
        let n_pieces = (0..n_threads).map(|_| AtomicUsize::new(0)).collect();
        let shared = Arc::new(Shared { n_pieces, ..Shared::default() });
        let mut pool = Self { sender: Some(sender), handles: Vec::new(), shared };
        for i in 0..n_threads {
            let (worker, receiver) = (Worker::with_superpieces(pattern.clone(), superword), Arc::clone(&receiver));
            let shared = Arc::clone(&pool.shared);
            let run = move || serve(worker, i, &receiver, &shared);
            pool.handles.push(Builder::new().name(format!("bpe-lab count {i}")).spawn(run)?);
        }
        Ok(pool)
    }

    fn submit(&mut self, batch: Batch) -> Result<Batch> {
        let sent = self.sender.as_ref().is_some_and(|s| s.send(batch).is_ok());
        if !sent || self.shared.stop.load(Relaxed) {
            return Err(self.failure());
        }
        Ok(lock(&self.shared.spares).pop().unwrap_or_default())
    }

    /// Why the workers have stopped.
    fn failure(&mut self) -> Error {
        self.join();
        lock(&self.shared.failure).take().map_or_else(failed_before, |(_, error)| error)
    }

    /// Ends the stream of batches and waits for what workers counted. A panic in one of them goes on here.
    fn join(&mut self) -> Vec<PieceCounts> {
        self.sender = None;
        let joined = self.handles.drain(..).map(JoinHandle::join).collect::<Vec<_>>();
        joined.into_iter().map(|r| r.unwrap_or_else(|panic| std::panic::resume_unwind(panic))).collect()
    }

    fn finish(mut self) -> Result<PieceCounts> {
        let counts = self.join();
        if self.shared.stop.load(Relaxed) {
            return Err(self.failure());
        }
        let n_threads = counts.len();
        PieceCounts::sum(counts, n_threads)
    }
}

impl Drop for Pool {
    fn drop(&mut self) {
        self.shared.stop.store(true, Relaxed);
        self.sender = None;
        for handle in self.handles.drain(..) {
            // A panic has been printed, and dropping is no place for another.
            drop(handle.join());
        }
    }
}

/// What a thread does until no more batches come.
fn serve(mut worker: Worker, i: usize, receiver: &Mutex<Receiver<Batch>>, shared: &Shared) -> PieceCounts {
    while let Some(mut batch) = next(receiver) {
        if shared.stop.load(Relaxed) {
            break;
        }
        if let Err(error) = worker.count(&batch, &shared.stop) {
            let mut failure = lock(&shared.failure);
            if failure.as_ref().is_none_or(|f| batch.number < f.0) {
                *failure = Some((batch.number, error));
            }
            shared.stop.store(true, Relaxed);
            break;
        }
        shared.n_pieces[i].store(worker.counts.len(), Relaxed);
        batch.clear();
        lock(&shared.spares).push(batch);
    }
    worker.into_counts()
}

fn next(receiver: &Mutex<Receiver<Batch>>) -> Option<Batch> {
    lock(receiver).recv().ok()
}
