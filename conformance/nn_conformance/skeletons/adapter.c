/* An adapter of nn-conformance, to be filled in: requests on stdin, replies on stdout, one JSON object a line.
   It starts, sends numbers back, and says that it supports nothing yet. Fill in what is marked, from 1 to 4; look after each:
       cc -std=c99 -O2 -o adapter FILE -lm
       nn-conformance smoke 'cmd:./adapter'            does the harness work?
       nn-conformance verify 'cmd:./adapter' xor-tanh  is what it runs right?
   PROTOCOL.md, in nn_conformance/protocol, says what stands in requests and replies. Print to stderr, never to stdout. */
#include <ctype.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* 1. Who you are, and what you can do: "networks" may be a list, such as ["xor-tanh"], and "does" have "train" in it;
   with "pieces":["tanh","squared_error","skip","sgd"] you are asked for these alone, of the names in PROTOCOL.md. */
static const char *START = ",\"protocol\":1,\"name\":\"my engine\",\"version\":\"0\",\"dtypes\":[\"float64\"],"
  "\"networks\":\"any\",\"does\":[\"evaluate\"],\"conventions\":{}";

/* JSON, read and written: a list or an object has members, any other value its text, which may be a number. */
typedef struct value { struct value *first, *next; char key[32], text[32]; int open; } Value;
static char *arena; static size_t used, limit = (size_t)1 << 30; /* memory of one request; untouched it costs nothing */
static const char *unsupported; /* why a request is not supported */
static void *allot(size_t bytes) { /* zeros, until the next request */
  char *at = arena + used;
  return (used += (bytes + 15) / 16 * 16) <= limit ? at : (exit(3), NULL);
}
static double *doubles(int n) { return allot((size_t)n * sizeof(double)); }
static int peek(void) { int c; while (isspace(c = getchar())) {} return ungetc(c, stdin); }
static void word(char *text) { /* a string without its quotes, or what stands up to the next sign */
  int n = 0, c, quoted = peek() == '"' && getchar();
  for (; (c = getchar()) > 0 && (quoted ? c != '"' : !strchr(",]} ", c) && c >= ' '); n += n < 31) text[n] = (char)c;
  if (!quoted) ungetc(c, stdin);
  text[n] = 0;
}
static Value *parse(void) {
  Value *v = allot(sizeof *v), **end = &v->first;
  if (peek() != '[' && peek() != '{') return word(v->text), v;
  for (v->open = getchar(); peek() != v->open + 2; end = &(*end)->next) { /* ASCII: ] is [ + 2, } is { + 2 */
    char key[32] = "";
    if (peek() == ',') getchar();
    if (v->open == '{') word(key), peek(), getchar();
    strcpy((*end = parse())->key, key);
  }
  return getchar(), v;
}
static Value *first(Value *v) { return v ? v->first : NULL; }
static Value *get(Value *v, const char *key) { for (v = first(v); v && strcmp(v->key, key); v = v->next) {} return v; }
static const char *text(Value *v, const char *key) { v = get(v, key); return v ? v->text : ""; }
static int is(Value *v, const char *key, const char *expected) { return !strcmp(text(v, key), expected); }
static double number(Value *v, const char *key) { return strtod(text(v, key), NULL); }
static int count(Value *v) { int n = 0; for (v = first(v); v; v = v->next) n++; return n; }
static int numbers(Value *v, double *at) { /* all that are in it, in order; strtod knows "nan", "inf" and "-0" too */
  if (!v->open) return *at = strtod(v->text, NULL), 1;
  int n = 0;
  for (v = v->first; v; v = v->next) n += numbers(v, at + n);
  return n;
}
static void put(double v) {
  if (isfinite(v) && (v != 0 || !signbit(v))) printf("%.17g", v);
  else printf("\"%s\"", isnan(v) ? "nan" : v == 0 ? "-0" : v > 0 ? "inf" : "-inf");
}
static const double *print(Value *shape, const double *at) { /* numbers, in the form that another value has */
  if (!shape->open) return put(*at), at + 1;
  putchar(shape->open);
  for (Value *v = shape->first; v; v = v->next) {
    if (shape->open == '{') printf("\"%s\":", v->key);
    if ((at = print(v, at), v->next)) putchar(',');
  }
  return putchar(shape->open + 2), at;
}

static void evaluate(Value *ask) {
  /* get(ask, "network"): what to compute, with "layers" and "loss"; get(ask, "params"): "W1", "b1", ...;
     get(ask, "x") and get(ask, "t"): inputs and targets, a row for each sample. numbers() makes flat arrays of them.
     2. The loss: printf(",\"loss\":"), put(loss);
     3. The gradients, in the shapes of the parameters: printf(",\"gradients\":"), print(get(ask, "params"), gradients); */
  (void)ask, (void)number, (void)count;
  unsupported = "evaluate is not written yet";
}
static void train(Value *ask) {
  /* 4. One update for each of get(ask, "batches"), lists of row numbers, by get(ask, "optimizer"), from get(ask, "state"):
     ,"losses":[the loss before each update],"params":{...} */
  (void)ask;
  unsupported = "train is not written yet";
}
static void echo(Value *ask) {
  double *values = doubles(count(get(ask, "values")));
  numbers(get(ask, "values"), values), printf(",\"values\":"), print(get(ask, "values"), values);
}
int main(void) {
  for (arena = calloc(1, limit); peek() != EOF; memset(arena, 0, used), used = 0, unsupported = NULL) {
    Value *ask = parse();
    int run = is(ask, "verb", "run"), stop = is(ask, "verb", "stop");
    printf("{\"seq\":%s", text(ask, "seq"));
    if (is(ask, "verb", "start")) fputs(START, stdout);
    else if (run && is(ask, "do", "echo")) echo(ask);
    else if (run && is(ask, "do", "evaluate")) evaluate(ask);
    else if (run && is(ask, "do", "train")) train(ask);
    else if (!stop) unsupported = "unknown here";
    if (unsupported) printf(",\"status\":\"unsupported\",\"reason\":\"%s\"}\n", unsupported);
    else puts(",\"status\":\"ok\"}");
    fflush(stdout);
    if (stop) return 0;
  }
}
