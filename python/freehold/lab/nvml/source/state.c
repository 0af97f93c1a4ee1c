/* Reading the state file.
 *
 * Everything lives in thread-local storage, so calls of several threads never meet and no lock can be held by a hung one.
 * The file is read at each call and parsed only when its text is another one.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "state.h"

#define DEFAULT_PATH "/etc/freehold-simulation/nvml.state"
#define PATH_VARIABLE "NVML_SIMULATION_STATE"
#define MAX_TEXT 65536
#define MAX_ENTRIES 1024
#define LONGEST_HANG_MS 600000u /* a test that forgets a hang must end by itself */
#define HANG_STEP_MS 20u

struct device {
    int unused;
};
static struct device devices[MAX_GPUS], instances[MAX_GPUS * MAX_INSTANCES];
extern atomic_int initialised;

struct entry {
    const char *key, *value;
};
static _Thread_local char raw[MAX_TEXT], parsed[MAX_TEXT];
static _Thread_local ssize_t raw_size = -1;
static _Thread_local struct entry entries[MAX_ENTRIES];
static _Thread_local size_t entry_count;
static _Thread_local int garbage;

static char *trimmed(char *from, char *end)
{
    while (from < end && (*from == ' ' || *from == '\t'))
        from++;
    while (end > from && (end[-1] == ' ' || end[-1] == '\t' || end[-1] == '\r'))
        end--;
    *end = '\0';
    return from;
}

static void parse(void)
{
    memcpy(parsed, raw, (size_t)raw_size);
    for (ssize_t i = 0; i < raw_size; i++)
        parsed[i] = parsed[i] ? parsed[i] : '\n'; /* a stray NUL ends a line, not the file */
    parsed[raw_size] = '\0';
    entry_count = 0;
    for (char *line = parsed, *next; *line && entry_count < MAX_ENTRIES; line = next) {
        char *end = strchrnul(line, '\n');
        next = *end ? end + 1 : end;
        char *equals = memchr(line, '=', (size_t)(end - line));
        if (*line == '#' || !equals)
            continue;
        entries[entry_count].value = trimmed(equals + 1, end);
        entries[entry_count++].key = trimmed(line, equals);
    }
}

int reload(void)
{
    static _Thread_local char fresh[MAX_TEXT];
    const char *path = getenv(PATH_VARIABLE);
    int file = open(path && *path ? path : DEFAULT_PATH, O_RDONLY | O_CLOEXEC);
    if (file < 0)
        return NVML_ERROR_DRIVER_NOT_LOADED; /* no state, no hardware */
    ssize_t size = 0, got;
    do {
        got = read(file, fresh + size, sizeof fresh - 1 - (size_t)size);
        size += got > 0 ? got : 0;
    } while (got > 0 || (got < 0 && errno == EINTR));
    close(file);
    if (got < 0 || size >= MAX_TEXT - 1)
        return NVML_ERROR_UNKNOWN;
    if (size != raw_size || memcmp(raw, fresh, (size_t)size) != 0) {
        memcpy(raw, fresh, (size_t)size);
        raw_size = size;
        parse();
    }
    return NVML_SUCCESS;
}

/* The last line of a key counts, so that a change can be appended. */
static const char *find(const char *key)
{
    for (size_t i = entry_count; i-- > 0;)
        if (strcmp(entries[i].key, key) == 0)
            return entries[i].value;
    return NULL;
}

const char *text(int gpu, const char *key, const char *otherwise)
{
    char own[128];
    const char *value = NULL;
    if (gpu != NO_GPU) {
        snprintf(own, sizeof own, "gpu%d.%s", gpu, key);
        value = find(own);
    }
    if (!value)
        value = find(key);
    return value ? value : otherwise;
}

double real(int gpu, const char *key, double otherwise)
{
    const char *value = text(gpu, key, NULL);
    if (!value)
        return otherwise;
    char *end;
    double number = strtod(value, &end);
    if (end == value || *end || !(number >= 0 && number < 1e15)) {
        garbage = 1;
        return otherwise;
    }
    return number;
}

int64_t integer(int gpu, const char *key, int64_t otherwise)
{
    const char *value = text(gpu, key, NULL);
    if (!value)
        return otherwise;
    char *end;
    errno = 0;
    int64_t number = strtoll(value, &end, 0);
    if (end == value || *end || errno) {
        garbage = 1;
        return otherwise;
    }
    return number;
}

uint64_t whole(int gpu, const char *key, uint64_t otherwise)
{
    const char *value = text(gpu, key, NULL);
    if (!value)
        return otherwise;
    char *end;
    errno = 0;
    uint64_t number = strtoull(value, &end, 0);
    if (end == value || *end || errno || *value == '-') {
        garbage = 1;
        return otherwise;
    }
    return number;
}

int numbered(const char *prefix, size_t n, const char **rest, const char **value)
{
    size_t length = strlen(prefix);
    for (size_t i = 0; i < entry_count; i++) {
        if (strncmp(entries[i].key, prefix, length) != 0 || n-- > 0)
            continue;
        *rest = entries[i].key + length;
        *value = entries[i].value;
        return 1;
    }
    return 0;
}

int finish(void)
{
    int was = garbage;
    garbage = 0;
    return was ? NVML_ERROR_UNKNOWN : NVML_SUCCESS;
}

void spoil(void) { garbage = 1; }

int gpu_count(void)
{
    uint64_t count = whole(NO_GPU, "gpus", 8);
    return count > MAX_GPUS ? MAX_GPUS : (int)count;
}

int is_lost(int gpu) { return whole(gpu, "lost", 0) != 0 || gpu >= gpu_count(); }

nvml_device handle_of(int gpu) { return &devices[gpu]; }

nvml_device instance_handle(int gpu, int slot) { return &instances[gpu * MAX_INSTANCES + slot]; }

void sleep_ms(unsigned ms)
{
    struct timespec left = {.tv_sec = ms / 1000, .tv_nsec = (long)(ms % 1000) * 1000000};
    while (nanosleep(&left, &left) != 0 && errno == EINTR)
        ;
}

/* A hung call comes back when the state no longer wants it to hang, or when its time is over. */
static void hang(const char *function, int gpu)
{
    char own[128];
    snprintf(own, sizeof own, "hang_ms.%s", function);
    for (unsigned waited = 0; waited < LONGEST_HANG_MS; waited += HANG_STEP_MS) {
        uint64_t wanted = whole(gpu, own, whole(gpu, "hang_ms", 0));
        if (waited >= wanted || reload() != NVML_SUCCESS)
            return;
        sleep_ms(HANG_STEP_MS);
    }
}

static int behave(const char *function, int gpu)
{
    char own[128];
    uint64_t delay = whole(gpu, "delay_us", 0);
    if (delay > 0)
        usleep(delay > 999999 ? 999999 : (useconds_t)delay);
    hang(function, gpu);
    snprintf(own, sizeof own, "crash.%s", function);
    if (whole(gpu, own, 0))
        raise(SIGSEGV);
    snprintf(own, sizeof own, "error.%s", function);
    uint64_t error = whole(gpu, own, whole(gpu, "error", NVML_SUCCESS));
    garbage = 0;
    return (int)error;
}

int enter_library(const char *function)
{
    garbage = 0;
    int status = reload();
    return status ? status : behave(function, NO_GPU);
}

int enter_system(const char *function)
{
    return atomic_load(&initialised) > 0 ? enter_library(function) : NVML_ERROR_UNINITIALIZED;
}

static int enter_gpu(const char *function, int gpu)
{
    garbage = 0;
    int status = reload();
    if (status == NVML_SUCCESS)
        status = behave(function, gpu);
    if (status == NVML_SUCCESS && is_lost(gpu))
        status = NVML_ERROR_GPU_IS_LOST;
    return status;
}

int enter_any(const char *function, nvml_device handle, int *gpu, struct instance **instance, struct instance *room)
{
    if (atomic_load(&initialised) <= 0)
        return NVML_ERROR_UNINITIALIZED;
    int whole_one = handle >= devices && handle < devices + MAX_GPUS;
    if (!whole_one && !(handle >= instances && handle < instances + MAX_GPUS * MAX_INSTANCES))
        return NVML_ERROR_INVALID_ARGUMENT;
    int slot = whole_one ? 0 : (int)(handle - instances);
    *gpu = whole_one ? (int)(handle - devices) : slot / MAX_INSTANCES;
    *instance = whole_one ? NULL : room;
    int status = enter_gpu(function, *gpu);
    if (status == NVML_SUCCESS && !whole_one && !instance_of(*gpu, slot % MAX_INSTANCES, room))
        status = NVML_ERROR_INVALID_ARGUMENT; /* destroyed since its handle was handed out */
    return status;
}

int enter_device(const char *function, nvml_device handle, int *gpu)
{
    struct instance room, *instance;
    int status = enter_any(function, handle, gpu, &instance, &room);
    return status == NVML_SUCCESS && instance ? NVML_ERROR_NOT_SUPPORTED : status;
}
