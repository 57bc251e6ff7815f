/* Networks in C99, as an adapter: requests on stdin, replies on stdout, one JSON object a line.
   cc -std=c99 -O2 -o c_adapter c_adapter.c -lm; nothing but C's own library. Squared error and SGD alone; it says so.
   Weight i, j of a layer is at i * down + j * across, whatever the layout. dx is the gradient of x. */
#include <ctype.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
typedef struct value { struct value *first, *next; char key[32], text[32]; int open; } Value; /* members, or a text */
typedef struct { const char *kind; int units, inputs, down, across; double *p[2], *g[2], *a, *d; } Layer; /* W, b */
static char *arena; static size_t used, limit = (size_t)1 << 30; /* memory of one request; untouched it costs nothing */
static const char *unknown; /* a word that is not supported */
static int single; /* whether float32 is asked for: it is float64 rounded after each step */
static int depth; static Layer layers[12]; /* the first is the input */
static const char *START = ",\"protocol\":1,\"name\":\"c_adapter\",\"dtypes\":[\"float32\",\"float64\"],"
  "\"does\":[\"evaluate\",\"train\"],\"pieces\":[\"identity\",\"relu\",\"tanh\",\"sigmoid\",\"squared_error\",\"sgd\"]";

static void *allot(size_t bytes) { /* zeros, until the next request */
  char *at = arena + used;
  return (used += (bytes + 15) / 16 * 16) <= limit ? at : (exit(3), NULL);
}
static double *doubles(int n) { return allot((size_t)n * sizeof(double)); }
static double fit(double v) { return single ? (float)v : v; }
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
  if (!v->open) return *at = fit(strtod(v->text, NULL)), 1;
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
static double function(const char *kind, double z) { /* a */
  if (!strcmp(kind, "sigmoid")) return z < 0 ? exp(z) / (1 + exp(z)) : 1 / (1 + exp(-z)); /* neither overflows */
  return !strcmp(kind, "tanh") ? tanh(z) : strcmp(kind, "relu") || z > 0 ? z : 0;
}
static double slope(const char *kind, double a) { /* da/dz */
  return !strcmp(kind, "tanh") ? 1 - a * a : !strcmp(kind, "sigmoid") ? a * (1 - a) : strcmp(kind, "relu") || a > 0;
}
/* The loss of n samples, the rows in a list or else the first; what they add to the gradients goes to g. */
static double evaluate(Value *loss, Value *row, int n, double *x, const double *t) {
  Layer *last = layers + depth, *l;
  double sum = 0, over = is(loss, "reduction", "sum") ? 1 : is(loss, "reduction", "samples") ? n : n * last->units;
  if (is(loss, "half", "true")) over *= 2;
  for (int s = 0; s < n; s++, row = row ? row->next : NULL) {
    int index = row ? atoi(row->text) : s;
    layers->a = x + index * layers->units;
    for (l = layers + 1; l <= last; l++) for (int j = 0; j < l->units; j++) {
      double z = l->p[1][j];
      for (int i = 0; i < l->inputs; i++) z = fit(z + l[-1].a[i] * l->p[0][i * l->down + j * l->across]);
      l->a[j] = fit(function(l->kind, z));
    }
    for (int j = 0; j < last->units; j++) {
      double error = fit(last->a[j] - t[index * last->units + j]);
      sum = fit(sum + error * error), last->d[j] = fit(2 * error / over);
    }
    for (l = last; l > layers; l--) {
      memset(l[-1].d, 0, (size_t)l->inputs * sizeof(double));
      for (int j = 0; j < l->units; j++) {
        double dz = fit(l->d[j] * slope(l->kind, l->a[j]));
        l->g[1][j] = fit(l->g[1][j] + dz);
        for (int i = 0, w = j * l->across; i < l->inputs; i++, w += l->down)
          l->g[0][w] = fit(l->g[0][w] + dz * l[-1].a[i]), l[-1].d[i] = fit(l[-1].d[i] + dz * l->p[0][w]);
      }
    }
  }
  return fit(sum / over);
}
static int load(Value *ask, double *p, double *g) { /* the layers; how many parameters they have */
  Value *v = get(ask, "network");
  int size = 0, turned, units = (int)number(v, "inputs");
  *layers = (Layer){ .units = units, .d = doubles(units) };
  for (depth = 0, v = first(get(v, "layers")); v && depth < 11; v = v->next) {
    Layer *l = layers + ++depth;
    turned = is(v, "layout", "out,in"), units = (int)number(v, "units");
    *l = (Layer){ text(get(v, "activation"), "kind"), units, l[-1].units, turned ? 1 : units, turned ? l[-1].units : 1,
      { NULL, doubles(units) }, { NULL, doubles(units) }, doubles(units), doubles(units) };
    if (!strstr("identity relu tanh sigmoid", l->kind)) unknown = l->kind;
  }
  for (v = first(get(ask, "params")); v; size += numbers(v, p + size), v = v->next) { /* "W1", "b1", ..., in a row */
    Layer *l = layers + atoi(v->key + 1);
    l->p[*v->key == 'b'] = p + size, l->g[*v->key == 'b'] = g + size;
  }
  return size;
}
static void answer(Value *ask) { /* a run; its reply after "seq", before "status" */
  Value *loss = get(get(ask, "network"), "loss"), *rule = get(ask, "optimizer"), *batch = get(get(ask, "batches"), "");
  int size = 0, most = (int)(used / sizeof(Value)), training = is(ask, "do", "train");
  double *x = doubles(most), *t = doubles(most), *p = doubles(most), *g = doubles(most);
  single = is(ask, "dtype", "float32");
  if (is(ask, "do", "echo")) numbers(get(ask, "values"), x), printf(",\"values\":"), print(get(ask, "values"), x);
  else if (!training && !is(ask, "do", "evaluate")) unknown = text(ask, "do");
  else if (!is(loss, "kind", "squared_error")) unknown = text(loss, "kind");
  else if (training && (!is(rule, "kind", "sgd") || number(rule, "momentum") != 0)) unknown = text(rule, "kind");
  else size = load(ask, p, g), numbers(get(ask, "x"), x), numbers(get(ask, "t"), t);
  if (unknown || !size) return;
  if (!training) printf(",\"loss\":"), put(evaluate(loss, NULL, count(get(ask, "x")), x, t));
  for (printf(training ? ",\"losses\":[" : ",\"gradients\":"); batch; batch = batch->next) {
    memset(g, 0, (size_t)size * sizeof(double));
    put(evaluate(loss, first(batch), count(batch), x, t)), putchar(batch->next ? ',' : ']');
    for (int i = 0; i < size; i++) p[i] = fit(p[i] - fit(number(rule, "learning_rate") * g[i]));
  }
  fputs(training ? ",\"params\":" : "", stdout), print(get(ask, "params"), training ? p : g);
}
int main(void) {
  for (arena = calloc(1, limit); peek() != EOF; memset(arena, 0, used), used = 0, unknown = NULL) {
    Value *ask = parse();
    printf("{\"seq\":%s", text(ask, "seq"));
    if (is(ask, "verb", "run")) answer(ask);
    else if (is(ask, "verb", "start")) fputs(START, stdout);
    else if (!is(ask, "verb", "stop")) unknown = text(ask, "verb");
    if (unknown) printf(",\"status\":\"unsupported\",\"reason\":\"%s is unknown here\"}\n", unknown);
    else puts(",\"status\":\"ok\"}");
    if (!fflush(stdout) && is(ask, "verb", "stop")) return 0;
  }
}
