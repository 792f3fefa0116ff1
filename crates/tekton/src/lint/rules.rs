//! Every rule of the linter, in the order of the documentation.

use super::Severity::{self, Error, Warning};

/// One thing that is looked for.
#[derive(Debug, PartialEq, Eq)]
pub struct Rule {
    /// Its name, such as `unknown-field`.
    pub id: &'static str,
    /// How bad it is.
    pub severity: Severity,
    /// What it finds, for people.
    pub finds: &'static str,
    /// A line that it finds.
    pub example: &'static str,
    /// It is reported only on demand: often the author means it so.
    pub is_pedantic: bool,
}

const fn rule(id: &'static str, severity: Severity, finds: &'static str, example: &'static str) -> Rule {
    Rule { id, severity, finds, example, is_pedantic: false }
}

macro_rules! rules {
    ($($name:ident = $rule:expr;)*) => {
        $(pub(crate) static $name: Rule = $rule;)*
        /// All rules, in the order of the documentation.
        pub static RULES: &[&Rule] = &[$(&$name),*];
    };
}

rules! {
    YAML_SYNTAX = rule("yaml-syntax", Error, "text that is not YAML as `kubectl` reads it", "`steps: [`");
    YAML_ENCODING = rule("yaml-encoding", Error, "bytes that are not UTF-8", "a Latin-1 `é`");
    YAML_LIMIT = rule("yaml-limit", Error, "more than 3 MiB, 100 levels or 500000 values in a document, aliases written out", "`[[[[...`");
    DUPLICATE_KEY = rule("duplicate-key", Error, "a key that stands twice in a mapping", "`{name: a, name: b}`");
    API_VERSION = rule("api-version", Error, "an API version that no cluster serves", "`apiVersion: tekton.dev/v2`");
    UNKNOWN_KIND = rule("unknown-kind", Error, "a kind that Tekton does not have", "`kind: Pipelin`");
    UNKNOWN_FIELD = rule("unknown-field", Error, "a field that does not exist there", "`imagge: alpine`");
    MISSING_FIELD = rule("missing-field", Error, "a field that must be there, or must not be empty", "a step without `image`");
    WRONG_TYPE = rule("wrong-type", Error, "a value of the wrong type", "`steps: {name: s}`");
    UNQUOTED_SCALAR = rule("unquoted-scalar", Error, "an unquoted boolean, number or null where text is wanted", "`name: n`");
    INVALID_VALUE = rule("invalid-value", Error, "a word that is not one of those allowed", "`onError: ignore`");
    CONFLICTING_FIELDS = rule("conflicting-fields", Error, "fields that exclude each other", "`script` beside `command`");
    INVALID_NAME = rule("invalid-name", Error, "a name that a cluster refuses", "`name: Build_It`");
    DUPLICATE_NAME = rule("duplicate-name", Error, "a name that stands twice in a list", "two steps `build`");
    RESERVED_NAME = rule("reserved-name", Error, "a name or path that Tekton keeps for itself", "`mountPath: /tekton/bin`");
    DEFAULT_TYPE = rule("default-type", Error, "a default that is not of the type of its param", "`{type: array, default: a}`");
    OBJECT_PROPERTIES = rule("object-properties", Error, "an object without its keys, or a key that is no string", "`{name: o, type: object}`");
    UNKNOWN_PARAM = rule("unknown-param", Error, "a reference to a param that is not declared", "`$(params.nosuch)`");
    UNKNOWN_PARAM_KEY = rule("unknown-param-key", Error, "a reference to a key that an object param does not declare", "`$(params.o.nosuch)`");
    LIST_IN_TEXT = rule("list-in-text", Error, "an array param where only text can stand", "`x $(params.list[*]) y`");
    OBJECT_IN_TEXT = rule("object-in-text", Error, "a whole object param where only text can stand", "`$(params.object)` in `args`");
    INVALID_REFERENCE = rule("invalid-reference", Error, "a reference that no cluster takes there", "`$(date)` in a param of a pipeline task");
    UNKNOWN_CONTEXT = rule("unknown-context", Error, "a context variable that does not exist", "`$(context.task.nosuch)`");
    UNKNOWN_TASK = rule("unknown-task", Error, "a task that the Pipeline does not have", "`runAfter: [nosuch]`");
    CYCLE = rule("cycle", Error, "tasks that wait for each other", "a -> b -> a");
    FINALLY_ORDER = rule("finally-order", Error, "a use of a task at a time when it cannot have ended", "`$(tasks.a.status)` in `tasks`");
    ON_ERROR_RETRIES = rule("on-error-retries", Error, "`onError: continue` together with retries", "`{onError: continue, retries: 1}`");
    WHEN_EXPRESSION = rule("when-expression", Error, "a condition without operator or values", "`{input: x, operator: in}`");
    MATRIX_SIZE = rule("matrix-size", Error, "a matrix of more than 256 combinations", "17 values by 17 values");
    MATRIX_RESULT = rule("matrix-result", Error, "a use of a matrix task's result other than all at once", "`$(tasks.m.results.r)`");
    PIPELINE_RESULT = rule("pipeline-result", Error, "a result of a Pipeline that is not made of results of its tasks", "`value: constant`");
    UNKNOWN_WORKSPACE = rule("unknown-workspace", Error, "a workspace that is not declared", "`workspace: nosuch`");
    WORKSPACE_BINDING = rule("workspace-binding", Error, "a workspace of a run that is not exactly one kind of storage", "`{name: w}`");
    MOUNT_PATH = rule("mount-path", Error, "a mount path that is used twice", "two workspaces at `/data`");
    UNDECLARED_SCRIPT_RESULT = rule("undeclared-script-result", Error, "a script that names a result which is not declared", "`> $(results.nosuch.path)`");
    TIMEOUT = rule("timeout", Error, "a timeout that is no duration, is negative, or does not fit the others", "`timeout: 1 hour`");
    QUANTITY = rule("quantity", Error, "an amount of a resource that Kubernetes cannot read", "`memory: 1GB`");
    RUN_PARAM = rule("run-param", Error, "a result of a task as a param of a run", "`value: $(tasks.a.results.r)`");
    UNQUOTED_VALUE = rule("unquoted-value", Warning, "an unquoted value that reaches the Task as other text than is written", "`value: yes`");
    OLD_API_VERSION = rule("old-api-version", Warning, "an API version of old, whose documents are not checked further", "`apiVersion: tekton.dev/v1beta1`");
    FEATURE_FLAG = rule("feature-flag", Warning, "a field that a cluster refuses unless a feature flag is set", "`enum: [a, b]`");
    DUPLICATE_DOCUMENT = rule("duplicate-document", Warning, "two documents of one kind and name in a file: the last one wins", "two Tasks `build`");
    MISSING_TASK = rule("missing-task", Warning, "a Task or Pipeline that is not among the files; it must be in the cluster already", "`taskRef: {name: nosuch}`");
    MISSING_PARAM = rule("missing-param", Warning, "a param that is required and not given: the run fails", "a Task with `params: [{name: p}]` and no value for it");
    UNDECLARED_PARAM = rule("undeclared-param", Warning, "a param that is given and that nobody declares", "`params: [{name: nosuch, value: x}]`");
    PARAM_TYPE = rule("param-type", Warning, "a value of another type than the Task declares: the run fails", "`value: [a]` for a string");
    MISSING_KEY = rule("missing-key", Warning, "an object value or default without a declared key: the run fails", "`{properties: {k: {}, m: {}}, default: {k: v}}`");
    INDEX_RANGE = rule("index-range", Warning, "an index past the end of the default: the run fails unless a longer list is given", "`$(params.list[4])`");
    ODD_SELECTOR = rule("odd-selector", Warning, "a selector that does not fit the type of the param: it stays as text or is taken for something else", "`$(params.text[*])`");
    MALFORMED_REFERENCE = rule("malformed-reference", Warning, "a reference to a task that means nothing: it stays as text", "`$(tasks.a.result.r)`");
    UNDECLARED_RESULT = rule("undeclared-result", Warning, "a result that the Task does not declare: the run fails", "`$(tasks.a.results.nosuch)`");
    RESULT_TYPE = rule("result-type", Warning, "a use of a result that does not fit its type", "`x $(tasks.a.results.list[*]) y`");
    RESULT_PATH = rule("result-path", Warning, "a path of a result that is not declared: it stays as text, and what is written there is lost", "`> $(results.nosuch.path)`");
    STEP_REFERENCE = rule("step-reference", Warning, "a use of a step that does not exist, comes later or gives no such thing: it stays as text", "`$(steps.nosuch.results.r)`");
    WORKSPACE_REFERENCE = rule("workspace-reference", Warning, "a use of a workspace that the Task does not declare: it stays as text", "`$(workspaces.nosuch.path)`");
    MISSING_WORKSPACE = rule("missing-workspace", Warning, "a workspace that is required and not given: the run fails", "a Task with `workspaces: [{name: w}]` and none given");
    UNDECLARED_WORKSPACE = rule("undeclared-workspace", Warning, "a workspace that is given and that nobody declares", "`workspaces: [{name: nosuch}]`");
    MATRIX_TYPE = rule("matrix-type", Warning, "a matrix value of the wrong type: the run fails", "`matrix: {params: [{name: p, value: x}]}`");
    EMPTY_MATRIX = rule("empty-matrix", Warning, "a matrix without values", "`matrix: {}`");
    MATRIX_LENGTH = rule("matrix-length", Warning, "the length of a matrix that is not there: it is 0", "`$(tasks.a.matrix.length)`");
    RETRIES = rule("retries", Warning, "a negative number of retries: the run fails", "`retries: -1`");
    TASK_TIMEOUT = rule("task-timeout", Warning, "a timeout of a task above that of the whole run", "`timeout: 2h` in a run of 1 h");
    UNKNOWN_VOLUME = rule("unknown-volume", Warning, "a mount of a volume that is not there: the run fails", "`volumeMounts: [{name: nosuch, mountPath: /x}]`");
    DUPLICATE_RESULT = rule("duplicate-result", Warning, "two results of one name", "`results: [{name: r}, {name: r}]`");
    RESULT_SIZE = rule("result-size", Warning, "so many results that they hardly fit the 4096 bytes that a step can report", "41 results of one Task");
    UNUSED_PARAM = rule("unused-param", Warning, "a param that nothing uses", "`params: [{name: p}]`");
    UNUSED_WORKSPACE = rule("unused-workspace", Warning, "a workspace that nothing uses", "`workspaces: [{name: w}]`");
    UNSUPPORTED_LOCALLY = rule("unsupported-locally", Warning, "what a cluster runs and the local runner does not", "`sidecars: [...]`");
    PLAIN_SCALAR = Rule { is_pedantic: true, ..rule("plain-scalar", Warning, "an unquoted number or boolean as a value, which is read as text", "`value: 3`") };
    SCRIPT_INJECTION = Rule { is_pedantic: true, ..rule("script-injection", Warning, "a param inside a script: its value becomes program text", "`script: echo $(params.p)`") };
}
