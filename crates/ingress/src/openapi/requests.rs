//! The bodies of checks: a form, or JSON.

use serde_json::{Value, json};

use crate::takes::Takes;

/// A PNG of 300 by 300 white pixels, so that the example of a JSON body works as it stands.
pub(super) const BLANK_PNG: &str = "iVBORw0KGgoAAAANSUhEUgAAASwAAAEsAQAAAABRBrPYAAAAPElEQVR42u3KMQEAAAwCIPuX1grbDzfpSTRN0zRN0zRN0zRN0zRN0zRN0zRN0zRN0zRN0zRN0zRN07R/G8nXXg0flNH3AAAAAElFTkSuQmCC";

/// The kinds of pictures that are read.
const PICTURES: &str = "image/jpeg, image/png, image/webp, image/bmp, image/tiff, image/gif";

/// Numbers from 0 to 1 as text, with white space around them. The service reads exponents too; no
/// pattern can hold those to the range.
const THRESHOLD: &str =
    r"^[ \t\r\n]*([-+]?(0+(\.0*)?|\.0+)|\+?(0*\.[0-9]+|0+\.[0-9]*|0*1(\.0*)?))[ \t\r\n]*$";

/// No control characters, except for tabs, and line breaks, which clients escape.
const PART_NAME: &str = r"^[^\u0000-\u0008\u000b\u000c\u000e-\u001f\u007f]*$";

/// The body of a check.
pub(super) fn body(takes: Takes) -> Value {
    let picture = "The picture: JPEG, PNG, WebP, BMP, TIFF (but not a JPEG wrapped in one) or a \
        GIF's first frame. Its bytes tell the format, not the file name or part type. At most \
        5000 px on the longer side, and a body of 20 MiB, unless the operator sets other limits.";
    let form_selfie = json!({
        "type": "string",
        "format": "binary",
        "contentMediaType": "application/octet-stream",
        "description": format!(
            "{picture} A text part with base64 or a base64 `data:` URL is read as well."
        ),
    });
    let json_selfie = json!({
        "type": "string",
        "contentEncoding": "base64",
        "contentMediaType": "image/*",
        "description": format!(
            "{picture} In base64, of the standard or the URL-safe alphabet, padded or not, or as a \
             base64 `data:` URL."
        ),
    });
    let blank = format!("data:image/png;base64,{BLANK_PNG}");
    let example = match takes {
        Takes::Selfie => json!({"selfie": blank, "threshold": 0.6}),
        Takes::SelfieAndLevel => json!({"selfie": blank, "security_level": "standard"}),
        Takes::Selfies(_) => json!({"selfies": [blank, blank], "security_level": "standard"}),
    };
    let in_json = if matches!(takes, Takes::Selfies(_)) { "selfies" } else { "selfie" };
    let mut form = fields(takes, "selfie", &form_selfie, &threshold_text());
    // A part's name is in a header.
    form["propertyNames"] = json!({"pattern": PART_NAME});
    json!({
        "required": true,
        "description": "A form or JSON. Other parts and keys are ignored. No described one may be \
            sent twice.",
        "content": {
            "multipart/form-data": {
                "schema": form,
                "encoding": {"selfie": {"contentType": PICTURES}},
            },
            "application/json": {
                "schema": fields(takes, in_json, &json_selfie, &json!({
                    "anyOf": [{"type": "number", "minimum": 0, "maximum": 1}, threshold_text()],
                })),
                "examples": {"blank": {"summary": "A picture without a face", "value": example}},
            },
        },
    })
}

fn threshold_text() -> Value {
    json!({"type": "string", "pattern": THRESHOLD})
}

/// An object with `selfie`, or a list of selfies, as `name`, and with the terms of the check.
fn fields(takes: Takes, name: &str, selfie: &Value, threshold: &Value) -> Value {
    let selfie = match takes {
        Takes::Selfie | Takes::SelfieAndLevel => selfie.clone(),
        Takes::Selfies(most) => json!({
            "type": "array",
            "items": selfie,
            "minItems": 1,
            "maxItems": most,
            "description": format!(
                "The pictures. At most {most}, unless the operator sets another number."
            ),
        }),
    };
    let mut threshold = threshold.clone();
    threshold["description"] =
        "A number from 0 to 1; a score from this on is live. The operator sets the default (0.5)."
            .into();
    let mut schema = json!({
        "type": "object",
        "required": [name],
        "properties": {(name): selfie, "threshold": threshold},
    });
    if takes.level() {
        schema["properties"]["security_level"] = json!({
            "type": "string",
            "enum": ["convenience", "standard", "hardened"],
            "description": "Instead of `threshold`: the threshold that the model pack was measured \
                at for this level. A pack that was not measured for the level has no such \
                threshold, and the request gets 400.",
        });
        schema["not"] = json!({"required": ["threshold", "security_level"]});
    }
    schema
}
