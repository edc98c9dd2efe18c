//! The points. Each exists twice: for a simulation, and as nothing.

/// Whether a [`Mutant`](crate::Mutant) is at work. With `one in N`, in one of N cases only.
#[cfg(feature = "simulated")]
#[macro_export]
macro_rules! mutant {
    ($name:ident) => {
        $crate::setting::is_broken($crate::Mutant::$name)
    };
    ($name:ident, one in $of:expr) => {
        $crate::setting::is_broken_now($crate::Mutant::$name, $of)
    };
}

/// Nothing is broken.
#[cfg(not(feature = "simulated"))]
#[macro_export]
macro_rules! mutant {
    ($name:ident) => {
        false
    };
    ($name:ident, one in $of:expr) => {
        false
    };
}

/// Counts that a [`Rare`](crate::Rare) state was reached, or that it was if something holds.
#[cfg(feature = "simulated")]
#[macro_export]
macro_rules! sometimes {
    ($name:ident) => {
        $crate::setting::reached($crate::Rare::$name)
    };
    ($name:ident, $holds:expr) => {
        if $holds {
            $crate::setting::reached($crate::Rare::$name);
        }
    };
}

/// Nobody counts.
#[cfg(not(feature = "simulated"))]
#[macro_export]
macro_rules! sometimes {
    ($name:ident) => {
        ()
    };
    ($name:ident, $holds:expr) => {
        if false {
            let _: bool = $holds;
        }
    };
}

/// Whether a [`Point`](crate::Point) does what is allowed and seldom happens, this time.
#[cfg(feature = "simulated")]
#[macro_export]
macro_rules! buggify {
    ($name:ident) => {
        $crate::setting::fires($crate::Point::$name)
    };
}

/// It never does.
#[cfg(not(feature = "simulated"))]
#[macro_export]
macro_rules! buggify {
    ($name:ident) => {
        false
    };
}

/// The value of a [`Knob`](crate::Knob): what it is, unless a simulation says otherwise.
#[cfg(feature = "simulated")]
#[macro_export]
macro_rules! knob {
    ($name:ident, $usual:expr) => {
        $crate::setting::value($crate::Knob::$name, $usual)
    };
}

/// What it is.
#[cfg(not(feature = "simulated"))]
#[macro_export]
macro_rules! knob {
    ($name:ident, $usual:expr) => {
        $usual
    };
}

/// Says how full something is that has a bound. Above it the simulation has found a defect.
#[cfg(feature = "simulated")]
#[macro_export]
macro_rules! bound {
    ($what:literal, $filled:expr, $max:expr) => {
        $crate::setting::filled($what, $filled, $max)
    };
}

/// Nobody looks.
#[cfg(not(feature = "simulated"))]
#[macro_export]
macro_rules! bound {
    ($what:literal, $filled:expr, $max:expr) => {
        if false {
            let _ = (&$filled, &$max);
        }
    };
}
