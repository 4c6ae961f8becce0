//! Many documents, or one large one, over threads. The result does not depend on how many there are.
//!
//! Documents become slices: a large one is cut where no piece and no special can cross, and any number of slices come
//! after another in a task of about equal bytes. Threads take tasks in order; the ids are put together in that order.

use super::specials::Finder;
use super::{Slice, SpecialRule, Tokenizer, Workspace, drops_of};
use crate::encode::{Dropout, Drops};
use crate::pretokenize::Pattern;
use crate::{Error, Result};
use std::ops::Range;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

/// Fewest bytes of a task, so that taking one costs little beside doing it.
const MIN_TASK_BYTES: usize = 1 << 16;
/// Most bytes of a task, so that threads end at about the same time.
const MAX_TASK_BYTES: usize = 1 << 20;
/// Where no safe cut was seen, it is looked for in the next so many bytes.
const CUT_WINDOW: usize = 1 << 12;

/// Part of a document; `document` is an index.
struct Item {
    document: usize,
    range: Range<usize>,
}

/// What one thread did: its ids, and which of them belong to which item.
#[derive(Default)]
struct Done {
    ids: Vec<u32>,
    /// Task, then for each of its items the number of ids; ids follow one another in this order.
    tasks: Vec<(usize, Vec<u64>)>,
    /// The first item (by number) that failed, and how.
    failed: Option<(usize, Error)>,
}

impl Tokenizer {
    /// Encodes documents on `workspaces.len()` threads (at least one). Document `i` has
    /// `ids[offsets[i]..offsets[i + 1]]`. Large documents are cut at safe places, so one document uses all threads too;
    /// with a user's regex or pattern `none` a document is one piece of work.
    ///
    /// The same ids for any number of threads. Nothing is spawned for one thread or little text.
    ///
    /// # Errors
    /// As [`encode_into`](Self::encode_into), naming the first document that fails.
    pub fn encode_batch(
        &self,
        documents: &[&[u8]],
        rule: &SpecialRule,
        workspaces: &mut [Workspace],
    ) -> Result<(Vec<u32>, Vec<u64>)> {
        self.batch(documents, rule, None, workspaces, true).map(with_offsets)
    }

    /// As [`encode_batch`](Self::encode_batch), with merges dropped at random. A document gets the ids that
    /// [`encode_dropping_into`](Self::encode_dropping_into) gives it.
    ///
    /// # Errors
    /// As [`encode_into`](Self::encode_into), naming the first document that fails.
    pub fn encode_batch_dropping(
        &self,
        documents: &[&[u8]],
        rule: &SpecialRule,
        dropout: Dropout,
        workspaces: &mut [Workspace],
    ) -> Result<(Vec<u32>, Vec<u64>)> {
        self.batch(documents, rule, Some(dropout), workspaces, true).map(with_offsets)
    }

    /// As [`encode_batch`](Self::encode_batch), and where each token ends: `(ids, ends, offsets)`.
    ///
    /// `ends` are bytes from the beginning of the token's document. They never fall, and the last of a document is its
    /// length, so the tokens tile it. See [`Decoder::ends_into`](crate::decode::Decoder::ends_into) for who owns what of a
    /// syllable whose jamo lie in several tokens.
    ///
    /// # Errors
    /// As [`encode_batch`](Self::encode_batch).
    pub fn encode_batch_ends(
        &self,
        documents: &[&[u8]],
        rule: &SpecialRule,
        workspaces: &mut [Workspace],
    ) -> Result<(Vec<u32>, Vec<u64>, Vec<u64>)> {
        let (ids, offsets) = self.encode_batch(documents, rule, workspaces)?;
        let ends = self.batch_ends(&ids, &offsets, workspaces.len())?;
        Ok((ids, ends, offsets))
    }

    /// Where each token ends within its document, on at most `n_threads` threads.
    fn batch_ends(&self, ids: &[u32], offsets: &[u64], n_threads: usize) -> Result<Vec<u64>> {
        let ends_of = |offsets: &[u64]| -> Result<Vec<u64>> {
            let mut ends = Vec::new();
            for of_document in offsets.windows(2) {
                self.decoder().ends_into(&ids[of_document[0] as usize..of_document[1] as usize], &mut ends)?;
            }
            Ok(ends)
        };
        if n_threads == 1 || ids.len() < MIN_TASK_BYTES {
            return ends_of(offsets);
        }
        let parts = offset_parts(offsets, n_threads);
        let parts: Vec<Result<Vec<u64>>> = std::thread::scope(|scope| {
            let threads: Vec<_> = parts.into_iter().map(|part| scope.spawn(|| ends_of(part))).collect();
            let join = |thread: std::thread::ScopedJoinHandle<'_, _>| {
                thread.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
            };
            threads.into_iter().map(join).collect()
        });
        Ok(parts.into_iter().collect::<Result<Vec<_>>>()?.concat())
    }

    /// How many ids each document has, as [`encode_batch`](Self::encode_batch) would give, without keeping them.
    ///
    /// # Errors
    /// As [`encode_batch`](Self::encode_batch).
    pub fn count_batch(
        &self,
        documents: &[&[u8]],
        rule: &SpecialRule,
        workspaces: &mut [Workspace],
    ) -> Result<Vec<u64>> {
        self.batch(documents, rule, None, workspaces, false).map(|(_, counts)| counts)
    }

    /// Ids of all documents (none unless `keep`) and how many each has.
    fn batch(
        &self,
        documents: &[&[u8]],
        rule: &SpecialRule,
        dropout: Option<Dropout>,
        workspaces: &mut [Workspace],
        keep: bool,
    ) -> Result<(Vec<u32>, Vec<u64>)> {
        let n_threads = workspaces.len();
        let [first, ..] = workspaces else {
            return Err(Error::argument("encoding needs at least one workspace, got none"));
        };
        let finder = self.finders.get(self.specials(), rule)?;
        let drops = dropout.map(|dropout| documents.iter().map(|text| drops_of(dropout, text)).collect());
        let job = Job { tokenizer: self, documents, finder: finder.as_deref(), drops, keep };
        let n_bytes: usize = documents.iter().map(|d| d.len()).sum();
        if n_threads == 1 || n_bytes <= MIN_TASK_BYTES {
            return job.on_this_thread(first);
        }
        let task_bytes = (n_bytes / (n_threads * 8)).clamp(MIN_TASK_BYTES, MAX_TASK_BYTES);
        let items = job.items(task_bytes);
        let tasks = tasks(&items, task_bytes);
        let done = job.on_threads(&items, &tasks, workspaces)?;
        Ok(gather(&items, &tasks, documents.len(), done))
    }
}

/// What all threads share.
struct Job<'a> {
    tokenizer: &'a Tokenizer,
    documents: &'a [&'a [u8]],
    finder: Option<&'a Finder>,
    /// By document, where merges are dropped.
    drops: Option<Vec<Option<Drops>>>,
    keep: bool,
}

impl Job<'_> {
    fn on_this_thread(&self, workspace: &mut Workspace) -> Result<(Vec<u32>, Vec<u64>)> {
        let (mut ids, mut counts) = (Vec::new(), Vec::with_capacity(self.documents.len()));
        for (document, text) in self.documents.iter().enumerate() {
            counts.push(self.encode_item(&Item { document, range: 0..text.len() }, workspace, &mut ids)?);
        }
        ids.shrink_to_fit();
        Ok((ids, counts))
    }

    /// Appends the ids of one item, where they are kept; how many there are.
    fn encode_item(&self, item: &Item, workspace: &mut Workspace, ids: &mut Vec<u32>) -> Result<u64> {
        let text = &self.documents[item.document][item.range.clone()];
        let drops = self.drops.as_ref().and_then(|drops| drops[item.document]);
        let slice = Slice { text, offset: item.range.start, drops };
        let before = ids.len();
        let n = if self.keep {
            self.tokenizer.encode_slice(slice, self.finder, workspace, ids).map(|()| (ids.len() - before) as u64)
        } else {
            self.tokenizer.count_slice(slice, self.finder, workspace)
        };
        n.map_err(|e| e.within(format_args!("document {}", item.document)))
    }

    /// Documents cut into items of about `task_bytes` or less.
    fn items(&self, task_bytes: usize) -> Vec<Item> {
        let mut items = Vec::with_capacity(self.documents.len());
        for (document, text) in self.documents.iter().enumerate() {
            let mut start = 0;
            if text.len() > task_bytes {
                for cut in cuts(text, self.tokenizer.pattern(), self.finder, task_bytes) {
                    items.push(Item { document, range: start..cut });
                    start = cut;
                }
            }
            items.push(Item { document, range: start..text.len() });
        }
        items
    }

    /// Has the tasks done by as many threads as there are workspaces.
    fn on_threads(&self, items: &[Item], tasks: &[Range<usize>], workspaces: &mut [Workspace]) -> Result<Vec<Done>> {
        let (next, stop) = (AtomicUsize::new(0), AtomicBool::new(false));
        let n_threads = workspaces.len().min(tasks.len());
        let mut done: Vec<Done> = std::thread::scope(|scope| {
            let threads: Vec<_> = workspaces[..n_threads]
                .iter_mut()
                .map(|workspace| scope.spawn(|| self.take_tasks(items, tasks, &next, &stop, workspace)))
                .collect();
            let join = |thread: std::thread::ScopedJoinHandle<'_, Done>| {
                thread.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
            };
            threads.into_iter().map(join).collect()
        });
        // Tasks are taken in order and a taken task is ended, so the first failure of all is among those seen.
        match done.iter_mut().filter_map(|d| d.failed.take()).min_by_key(|(item, _)| *item) {
            Some((_, error)) => Err(error),
            None => Ok(done),
        }
    }

    fn take_tasks(
        &self,
        items: &[Item],
        tasks: &[Range<usize>],
        next: &AtomicUsize,
        stop: &AtomicBool,
        workspace: &mut Workspace,
    ) -> Done {
        let mut done = Done::default();
        while !stop.load(Ordering::Relaxed) {
            let task = next.fetch_add(1, Ordering::Relaxed);
            let Some(range) = tasks.get(task) else { break };
            let mut counts = Vec::with_capacity(range.len());
            for item in range.clone() {
                match self.encode_item(&items[item], workspace, &mut done.ids) {
                    Ok(n) => counts.push(n),
                    Err(error) => {
                        stop.store(true, Ordering::Relaxed);
                        done.failed = Some((item, error));
                        return done;
                    }
                }
            }
            done.tasks.push((task, counts));
        }
        done
    }
}

/// `offsets` in at most `n` parts of about as many tokens, each sharing its last offset with the next one's first.
fn offset_parts(offsets: &[u64], n: usize) -> Vec<&[u64]> {
    let n_tokens = offsets.last().copied().unwrap_or(0);
    let (mut parts, mut start) = (Vec::new(), 0);
    for part in 1..=n as u64 {
        let wanted = u64::try_from(u128::from(n_tokens) * u128::from(part) / n as u128).unwrap_or(n_tokens);
        let end = if part == n as u64 { offsets.len() - 1 } else { offsets.partition_point(|&o| o < wanted) };
        if end > start {
            parts.push(&offsets[start..=end]);
            start = end;
        }
    }
    parts
}

/// Ids, and where those of each document begin.
fn with_offsets((ids, counts): (Vec<u32>, Vec<u64>)) -> (Vec<u32>, Vec<u64>) {
    let mut offsets = Vec::with_capacity(counts.len() + 1);
    offsets.push(0);
    offsets.extend(counts.iter().scan(0, |sum, n| {
        *sum += n;
        Some(*sum)
    }));
    (ids, offsets)
}

/// Runs of items of about `task_bytes` each.
fn tasks(items: &[Item], task_bytes: usize) -> Vec<Range<usize>> {
    let (mut tasks, mut start, mut n_bytes) = (Vec::new(), 0, 0);
    for (at, item) in items.iter().enumerate() {
        // An empty document costs a little too.
        n_bytes += item.range.len() + 16;
        if n_bytes >= task_bytes {
            tasks.push(start..at + 1);
            (start, n_bytes) = (at + 1, 0);
        }
    }
    if start < items.len() {
        tasks.push(start..items.len());
    }
    tasks
}

/// Puts the threads' ids in order: all ids in one vector of exact size, and how many each document has.
fn gather(items: &[Item], tasks: &[Range<usize>], n_documents: usize, done: Vec<Done>) -> (Vec<u32>, Vec<u64>) {
    let mut counts = vec![0; n_documents];
    // Task -> thread, first id, number of ids.
    let mut places = vec![(0, 0, 0); tasks.len()];
    for (thread, done) in done.iter().enumerate() {
        let mut at = 0;
        for (task, of_items) in &done.tasks {
            for (item, n) in tasks[*task].clone().zip(of_items) {
                counts[items[item].document] += n;
            }
            let n_ids = if done.ids.is_empty() { 0 } else { of_items.iter().sum::<u64>() as usize };
            places[*task] = (thread, at, n_ids);
            at += n_ids;
        }
    }
    let mut ids = Vec::with_capacity(done.iter().map(|d| d.ids.len()).sum());
    for (thread, at, n_ids) in places {
        ids.extend_from_slice(&done[thread].ids[at..at + n_ids]);
    }
    (ids, counts)
}

/// Places where `text` can be cut, about `step` bytes apart or more: between specials, or inside the plain text between
/// them where the pattern says so.
pub(super) fn cuts(text: &[u8], pattern: &Pattern, finder: Option<&Finder>, step: usize) -> Vec<usize> {
    let (mut cuts, mut last, mut gap_start) = (Vec::new(), 0, 0);
    loop {
        let found = finder.and_then(|f| f.find(text, gap_start));
        let gap_end = found.as_ref().map_or(text.len(), |f| f.start);
        if gap_start >= last + step {
            cuts.push(gap_start);
            last = gap_start;
        }
        plain_cuts(text, gap_start..gap_end, pattern, step, &mut last, &mut cuts);
        match found {
            Some(found) => gap_start = found.end,
            None => return cuts,
        }
    }
}

/// Adds the cuts inside `gap`, plain text of one document; `last` is the last cut so far.
fn plain_cuts(text: &[u8], gap: Range<usize>, pattern: &Pattern, step: usize, last: &mut usize, cuts: &mut Vec<usize>) {
    // Nothing before `seen` is a safe cut that was not taken.
    let mut seen = gap.start.max(*last);
    while gap.end > *last + step && seen < gap.end {
        let until = (*last + step).max(seen + CUT_WINDOW).min(gap.end);
        match last_cut(text, seen..until, pattern) {
            Some(cut) => {
                cuts.push(cut);
                *last = cut;
                seen = cut;
            }
            // A cut needs a few bytes on both sides: windows overlap.
            None if until < gap.end => seen = until.saturating_sub(CUT_WINDOW / 2).max(seen + 1),
            None => return,
        }
    }
}

/// The last safe cut inside `range`.
fn last_cut(text: &[u8], range: Range<usize>, pattern: &Pattern) -> Option<usize> {
    let cut = range.start + pattern.last_safe_cut(&text[range.clone()])?;
    (range.start < cut && cut < range.end).then_some(cut)
}
