//! Values as they may be kept and shown.

use faultline_contract::without_secret;
use faultline_tekton::ParamValue;

/// Takes names and passwords out of every URL in `value`: `mongodb://me:secret@host` becomes `mongodb://...@host`.
pub(crate) fn mask(value: &mut ParamValue) {
    match value {
        ParamValue::Text(text) => mask_text(text),
        ParamValue::List(items) => items.iter_mut().for_each(mask_text),
        ParamValue::Map(entries) => entries.values_mut().for_each(mask_text),
    }
}

fn mask_text(text: &mut String) {
    *text = without_secret(text);
}
