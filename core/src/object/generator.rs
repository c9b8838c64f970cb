//! [`Generator`]: a resumable computation with its frame inside the object.
//!
//! ```text
//!   header 8 | table 8 | state 8 | frame, of any type
//! ```
//!
//! ```text
//!   Created --resume--> Running --yield--> Suspended --resume--> Running ..
//!   Running --return--> Finished          Created, Suspended --close--> Finished
//! ```
//!
//! Invariants:
//! - the frame is initialised in the states Created, Suspended and Running, and
//!   gone in Finished;
//! - while it runs it is mutably borrowed: its edges are then skipped by every
//!   phase of a collection, so its targets count as held from outside;
//! - the state is Finished before the frame is dropped, so that whatever runs
//!   then finds no frame.
//!
//! A suspended generator that dies is closed once, by its finalizer; one that
//! never ran is only dropped.

use std::cell::Cell;
use std::error::Error;
use std::fmt;
use std::marker::PhantomData;

use super::block::{self, Block, BlockTable};
use super::list::no_room;
use super::value::{Kind, Value};
use crate::gc::handle::{Gc, GcBox};
use crate::gc::header::Header;
use crate::gc::trace::{Trace, Visitor};
use crate::gc::type_info::TypeInfo;
use crate::heap::Heap;
use crate::heap::errors::AllocError;

/// What a frame comes back with.
///
/// ```
/// use exuvia_core::Heap;
/// use exuvia_core::object::{Generator, Step, Value};
/// let heap = Heap::new();
/// let once = Generator::from_fn(&heap, true, |first, _| {
///     std::mem::take(first).then_some(Value::small(1))
/// });
/// assert_eq!(once.step(&heap, Value::NONE), Ok(Step::Yield(Value::small(1))));
/// assert_eq!(once.step(&heap, Value::NONE), Ok(Step::Return(Value::NONE)));
/// ```
#[derive(Debug, PartialEq)]
pub enum Step {
    /// A value; the frame waits to be resumed.
    Yield(Value),
    /// The end, with Python's return value.
    Return(Value),
}

/// The frame of a generator: its locals, and where it goes on.
///
/// ```
/// use exuvia_core::{Heap, Trace};
/// use exuvia_core::object::{Frame, Generator, Step, Value};
///
/// #[derive(Trace)]
/// struct Echo;
/// impl Frame for Echo {
///     fn resume(&mut self, _: &Heap, sent: Value) -> Step {
///         Step::Yield(sent)
///     }
///     fn exit(&mut self, _: &Heap) -> Step {
///         Step::Return(Value::small(7))
///     }
/// }
///
/// let heap = Heap::new();
/// let echo = Generator::new(&heap, Echo);
/// echo.next(&heap).unwrap();
/// assert_eq!(echo.send(&heap, Value::TRUE), Ok(Some(Value::TRUE)));
/// assert_eq!(echo.close(&heap), Ok(Value::small(7)));
/// ```
pub trait Frame: Trace {
    /// Runs to the next yield or to the end. `sent` is what [`Generator`] was
    /// sent, `None` for a plain step and for the first one.
    fn resume(&mut self, heap: &Heap, sent: Value) -> Step;

    /// The generator is closed while it waits at a yield: Python's
    /// GeneratorExit, a place for what `finally` would do. Yielding is an error.
    fn exit(&mut self, heap: &Heap) -> Step {
        let _ = heap;
        Step::Return(Value::NONE)
    }

    /// An error is raised where the frame waits at a yield: a place for what
    /// `except` would do.
    ///
    /// # Errors
    /// The error that leaves the frame, which then has ended; by default the
    /// one that came in.
    fn throw(&mut self, heap: &Heap, error: Value) -> Result<Step, Value> {
        let _ = heap;
        Err(error)
    }
}

/// What comes out of [`throw`](Gc::<Generator>::throw) instead of a step.
///
/// ```
/// use exuvia_core::Heap;
/// use exuvia_core::object::{Generator, Thrown, Value};
/// let heap = Heap::new();
/// let generator = Generator::from_fn(&heap, (), |_, _| Some(Value::NONE));
/// generator.next(&heap).unwrap();
/// // Nothing in the frame catches the error: it comes back.
/// let error = generator.throw(&heap, Value::small(1)).unwrap_err();
/// assert_eq!(error, Thrown::Error(Value::small(1)));
/// assert!(generator.is_finished());
/// ```
#[derive(Debug, PartialEq)]
pub enum Thrown {
    /// The generator cannot take an error now.
    Refused(GeneratorError),
    /// The error, or another one that the frame raised; the frame has ended.
    Error(Value),
}

/// Why a generator cannot do what was asked.
///
/// ```
/// use exuvia_core::Heap;
/// use exuvia_core::object::{Generator, GeneratorError, Value};
/// let heap = Heap::new();
/// let generator = Generator::from_fn(&heap, (), |_, _| Some(Value::NONE));
/// let error = generator.send(&heap, Value::TRUE).unwrap_err();
/// assert_eq!(error, GeneratorError::NotStarted);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum GeneratorError {
    /// It is running already (Python's ValueError).
    AlreadyExecuting,
    /// Something other than None was sent before the first step (TypeError).
    NotStarted,
    /// Its frame yielded while it was being closed (RuntimeError).
    IgnoredExit,
}

impl fmt::Display for GeneratorError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            GeneratorError::AlreadyExecuting => "generator already executing",
            GeneratorError::NotStarted => "can't send non-None value to a just-started generator",
            GeneratorError::IgnoredExit => "generator ignored GeneratorExit",
        })
    }
}

impl Error for GeneratorError {}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum State {
    Created,
    Suspended,
    Running,
    Finished,
}

/// The code of a frame type; each takes a generator whose frame has that type.
struct Code {
    resume: unsafe fn(*const Header, &Heap, Value) -> Step,
    exit: unsafe fn(*const Header, &Heap) -> Step,
    throw: unsafe fn(*const Header, &Heap, Value) -> Result<Step, Value>,
    drop: unsafe fn(*const Header),
}

/// A generator object: the head of the block that holds its frame.
///
/// ```
/// use exuvia_core::{Heap, Trace};
/// use exuvia_core::object::{Frame, Generator, Step, Value};
///
/// #[derive(Trace)]
/// struct CountTo { next: i64, end: i64 }
///
/// impl Frame for CountTo {
///     fn resume(&mut self, _: &Heap, _: Value) -> Step {
///         if self.next == self.end {
///             return Step::Return(Value::NONE);
///         }
///         self.next += 1;
///         Step::Yield(Value::small(self.next - 1))
///     }
/// }
///
/// let heap = Heap::new();
/// let generator = Generator::new(&heap, CountTo { next: 0, end: 2 });
/// assert_eq!(generator.next(&heap), Ok(Some(Value::small(0))));
/// assert_eq!(generator.next(&heap), Ok(Some(Value::small(1))));
/// assert_eq!(generator.next(&heap), Ok(None));
/// ```
pub struct Generator {
    code: &'static Code,
    state: Cell<State>,
}

const _: () = assert!(size_of::<Generator>() == 16);

impl Generator {
    /// A generator that will run `frame`.
    ///
    /// # Panics
    /// When the heap has no room.
    #[inline]
    #[cfg_attr(feature = "tracemalloc", track_caller)]
    pub fn new<F: Frame>(heap: &Heap, frame: F) -> Gc<Generator> {
        Generator::try_new(heap, frame).unwrap_or_else(|error| no_room(&error))
    }

    /// A generator that will run `frame`.
    ///
    /// # Errors
    /// When the heap has no room; the frame is dropped.
    #[inline]
    #[cfg_attr(feature = "tracemalloc", track_caller)]
    pub fn try_new<F: Frame>(heap: &Heap, frame: F) -> Result<Gc<Generator>, AllocError> {
        let layout = block::layout::<Generator, F>(1)?;
        // SAFETY: the layout has room for head and frame; both are written.
        unsafe {
            block::alloc::<Holding<F>>(heap, layout, |header, _| {
                block::tail::<Generator, F>(header).write(frame);
                GcBox::<Generator>::value_ptr(header).write(Generator {
                    code: const { &code_of::<F>() },
                    state: Cell::new(State::Created),
                });
            })
        }
    }

    /// A generator from a state and a function that gives the next value.
    ///
    /// # Panics
    /// When the heap has no room.
    #[cfg_attr(feature = "tracemalloc", track_caller)]
    pub fn from_fn<S: Trace>(
        heap: &Heap,
        state: S,
        next: fn(&mut S, &Heap) -> Option<Value>,
    ) -> Gc<Generator> {
        Generator::new(heap, FnFrame { state, next })
    }

    /// Whether the frame is running now.
    pub fn is_running(&self) -> bool {
        self.state.get() == State::Running
    }

    /// Whether the frame has ended or was closed.
    pub fn is_finished(&self) -> bool {
        self.state.get() == State::Finished
    }
}

impl Gc<Generator> {
    /// One step; `None` when the frame has ended.
    ///
    /// # Errors
    /// When the generator is running.
    #[inline]
    pub fn next(&self, heap: &Heap) -> Result<Option<Value>, GeneratorError> {
        self.send(heap, Value::NONE)
    }

    /// One step that hands `sent` to the frame; `None` when it has ended.
    ///
    /// # Errors
    /// When the generator is running, or `sent` is not None before the first step.
    #[inline]
    pub fn send(&self, heap: &Heap, sent: Value) -> Result<Option<Value>, GeneratorError> {
        Ok(match self.step(heap, sent)? {
            Step::Yield(value) => Some(value),
            Step::Return(_) => None,
        })
    }

    /// As [`send`](Self::send), with the return value. An ended generator
    /// returns None again and again.
    ///
    /// # Errors
    /// As [`send`](Self::send).
    #[inline]
    pub fn step(&self, heap: &Heap, sent: Value) -> Result<Step, GeneratorError> {
        match self.state.get() {
            State::Running => return Err(GeneratorError::AlreadyExecuting),
            State::Finished => return Ok(Step::Return(Value::NONE)),
            State::Created if !sent.is_none() => return Err(GeneratorError::NotStarted),
            State::Created | State::Suspended => {}
        }
        let run = Run::begin(self);
        // SAFETY: the frame is there and, being Running from here to the end
        // of `run`, borrowed by nobody else.
        let step = unsafe { (self.code.resume)(self.header(), heap, sent) };
        run.end(&step);
        Ok(step)
    }

    /// Ends the generator and releases its locals at once. A suspended frame
    /// runs its exit, whose return value is the result; otherwise it is None.
    ///
    /// # Errors
    /// When the generator is running, or its frame yields instead of ending.
    pub fn close(&self, heap: &Heap) -> Result<Value, GeneratorError> {
        match self.state.get() {
            State::Running => return Err(GeneratorError::AlreadyExecuting),
            State::Finished => return Ok(Value::NONE),
            State::Created => {
                self.release_frame();
                return Ok(Value::NONE);
            }
            State::Suspended => {}
        }
        let run = Run::begin(self);
        // SAFETY: as in `step`.
        let step = unsafe { (self.code.exit)(self.header(), heap) };
        run.end(&step);
        match step {
            Step::Yield(_) => Err(GeneratorError::IgnoredExit),
            Step::Return(value) => Ok(value),
        }
    }

    /// Raises `error` where the frame waits. One that never ran, or has ended,
    /// only ends: the error comes back.
    ///
    /// # Errors
    /// The error that left the frame, or that the generator is running.
    pub fn throw(&self, heap: &Heap, error: Value) -> Result<Step, Thrown> {
        match self.state.get() {
            State::Running => return Err(Thrown::Refused(GeneratorError::AlreadyExecuting)),
            State::Finished => return Err(Thrown::Error(error)),
            State::Created => {
                self.release_frame();
                return Err(Thrown::Error(error));
            }
            State::Suspended => {}
        }
        let run = Run::begin(self);
        // SAFETY: as in `step`.
        match unsafe { (self.code.throw)(self.header(), heap, error) } {
            Ok(step) => {
                run.end(&step);
                Ok(step)
            }
            // Dropping `run` ends the generator.
            Err(error) => Err(Thrown::Error(error)),
        }
    }

    /// Drops the frame; whatever that runs finds a finished generator.
    fn release_frame(&self) {
        self.state.set(State::Finished);
        // SAFETY: the frame was there until now, and is dropped only here.
        unsafe { (self.code.drop)(self.header()) };
    }
}

/// The time in which a frame runs. A panic in it ends the generator.
struct Run<'a>(&'a Gc<Generator>);

impl<'a> Run<'a> {
    #[inline]
    fn begin(generator: &'a Gc<Generator>) -> Run<'a> {
        generator.state.set(State::Running);
        Run(generator)
    }

    #[inline]
    fn end(self, step: &Step) {
        if matches!(step, Step::Yield(_)) {
            self.0.state.set(State::Suspended);
            std::mem::forget(self);
        }
    }
}

impl Drop for Run<'_> {
    fn drop(&mut self) {
        self.0.release_frame();
    }
}

/// The frame behind a generator's header.
#[inline]
fn frame<F>(header: *const Header) -> *mut F {
    block::tail::<Generator, F>(header)
}

const fn code_of<F: Frame>() -> Code {
    Code {
        resume: |header, heap, sent| {
            // SAFETY: the caller runs a generator whose frame is an `F`.
            unsafe { &mut *frame::<F>(header) }.resume(heap, sent)
        },
        exit: |header, heap| {
            // SAFETY: as above.
            unsafe { &mut *frame::<F>(header) }.exit(heap)
        },
        throw: |header, heap, error| {
            // SAFETY: as above.
            unsafe { &mut *frame::<F>(header) }.throw(heap, error)
        },
        drop: |header| {
            // SAFETY: the caller gives the frame up.
            unsafe { frame::<F>(header).drop_in_place() };
        },
    }
}

/// The table of generators with a frame `F`.
struct Holding<F>(PhantomData<F>);

// SAFETY: the frame is visited when it is there and not borrowed, and dropped
// once: a released one is not there any more.
unsafe impl<F: Frame> Block for Holding<F> {
    type Head = Generator;
    const NAME: &'static str = "exuvia_core::object::Generator";
    const DROPS: bool = true;
    const QUIET: bool = F::QUIET_DROP;
    #[inline]
    fn table() -> &'static TypeInfo {
        const { &<Holding<F> as BlockTable>::TABLE }
    }
    const FINALIZE: Option<fn(&Gc<Generator>)> = Some(|this| {
        if this.state.get() == State::Suspended {
            // Python reports the error of a frame that yields here and goes on.
            let _ = this.close(&Gc::heap(this));
        }
    });
    const CALLS_BACK_FIRST: bool = true;

    #[inline]
    unsafe fn trace<V: Visitor>(header: *const Header, _: usize, visitor: &mut V) {
        // SAFETY: the caller's duty; see the invariants of the module.
        unsafe {
            match block::head::<Generator>(header).state.get() {
                State::Created | State::Suspended => (*frame::<F>(header)).trace(visitor),
                State::Running | State::Finished => {}
            }
        }
    }

    unsafe fn drop(header: *mut Header, _: usize) {
        // SAFETY: the caller's duty. A running generator is held by its caller.
        unsafe {
            let state = &block::head::<Generator>(header).state;
            if state.replace(State::Finished) != State::Finished {
                frame::<F>(header).drop_in_place();
            }
        }
    }
}

// SAFETY: only the tables of whole blocks trace a generator; the head alone
// holds no reference.
unsafe impl Trace for Generator {
    const VALUE_KIND: u8 = Kind::Generator as u8;
    const TAILED: bool = true;
    fn trace<V: Visitor>(&self, _: &mut V) {}
}

impl fmt::Debug for Generator {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "<generator, {:?}>", self.state.get())
    }
}

/// The frame of [`Generator::from_fn`].
struct FnFrame<S> {
    state: S,
    next: fn(&mut S, &Heap) -> Option<Value>,
}

// SAFETY: the state is owned and visited once.
unsafe impl<S: Trace> Trace for FnFrame<S> {
    const HOLDS: bool = S::HOLDS;
    const QUIET_DROP: bool = S::QUIET_DROP;
    fn trace<V: Visitor>(&self, visitor: &mut V) {
        self.state.trace(visitor);
    }
}

impl<S: Trace> Frame for FnFrame<S> {
    #[inline]
    fn resume(&mut self, heap: &Heap, _: Value) -> Step {
        match (self.next)(&mut self.state, heap) {
            Some(value) => Step::Yield(value),
            None => Step::Return(Value::NONE),
        }
    }
}
