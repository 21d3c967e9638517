//! [`TokenPool`]: many accounts behind one layer.

use std::{collections::HashMap, fmt, sync::Arc};

use arc_swap::ArcSwap;

use super::{TokenCache, sync::lock};
use crate::{platform::Platform, secret::AppId};
