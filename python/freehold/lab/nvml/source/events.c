/* Processes on a GPU, and Xid events through event sets. */
#define _GNU_SOURCE
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "state.h"

#define EVENT_STEP_MS 10u
#define LONGEST_WAIT_MS 600000u /* "wait for ever" ends here too */

/* `process.N=GPU:PID:MIB[:TYPE[:SM[:GI]]]`, TYPE C (compute, the default), G (graphics) or M (MPS), SM percent of the
 * multiprocessors (the GPU's utilisation, by default), GI the GPU instance it runs in. */
struct line {
    unsigned gpu, pid, sm, gi;
    unsigned long long mib;
    char type;
};

static int process_line(size_t n, struct line *out)
{
    const char *rest, *value;
    if (!numbered("process.", n, &rest, &value))
        return 0;
    out->type = 'C';
    out->gi = out->sm = INSTANCE_NONE;
    if (sscanf(value, "%u:%u:%llu:%c:%u:%u", &out->gpu, &out->pid, &out->mib, &out->type, &out->sm, &out->gi) < 3)
        out->gpu = MAX_GPUS; /* garbage belongs to no GPU */
    return 1;
}

static int processes(int gpu, const struct instance *instance, char type, unsigned *count, struct process_info *out)
{
    NEEDS(count);
    unsigned room = out ? *count : 0, found = 0;
    struct line line;
    for (size_t n = 0; process_line(n, &line); n++) {
        if (line.gpu != (unsigned)gpu || line.type != type || (instance && line.gi != instance->gi))
            continue;
        if (found < room) /* a MIB of all nines stands for "not available" */
            out[found] = (struct process_info){line.pid, line.mib == 999999999 ? UINT64_MAX : line.mib * MIB, line.gi,
                                               line.gi == INSTANCE_NONE ? INSTANCE_NONE : 0};
        found++;
    }
    *count = found;
    return found > room ? NVML_ERROR_INSUFFICIENT_SIZE : finish();
}

#define LISTS(function, type)                                                                                          \
    API int function(nvml_device handle, unsigned *count, struct process_info *out)                                    \
    {                                                                                                                  \
        ANY_CALL(gpu, instance, handle);                                                                               \
        return processes(gpu, instance, type, count, out);                                                             \
    }
LISTS(nvmlDeviceGetComputeRunningProcesses_v2, 'C')
LISTS(nvmlDeviceGetComputeRunningProcesses_v3, 'C')
LISTS(nvmlDeviceGetGraphicsRunningProcesses_v2, 'G')
LISTS(nvmlDeviceGetGraphicsRunningProcesses_v3, 'G')
LISTS(nvmlDeviceGetMPSComputeRunningProcesses_v2, 'M')
LISTS(nvmlDeviceGetMPSComputeRunningProcesses_v3, 'M')

/* One sample a process. NOT_FOUND where nothing runs, as the real library says; nothing at all on MIG. */
API int nvmlDeviceGetProcessUtilization(nvml_device handle, struct process_sample *out, unsigned *count, uint64_t since)
{
    DEVICE_CALL(gpu, handle);
    NEEDS(count);
    (void)since;
    if (mig_on(gpu))
        return NVML_ERROR_NOT_SUPPORTED;
    unsigned room = out ? *count : 0, found = 0;
    struct line line;
    for (size_t n = 0; process_line(n, &line); n++) {
        if (line.gpu != (unsigned)gpu)
            continue;
        unsigned sm = line.sm == INSTANCE_NONE ? (unsigned)whole(gpu, "utilisation", 0) : line.sm;
        if (found < room)
            out[found] = (struct process_sample){line.pid, (uint64_t)time(NULL) * 1000000u, sm,
                                                 (unsigned)whole(gpu, "memory_utilisation", 0), 0, 0};
        found++;
    }
    *count = found;
    if (found == 0)
        return NVML_ERROR_NOT_FOUND;
    return found > room ? NVML_ERROR_INSUFFICIENT_SIZE : finish();
}

/* `xid.N=GPU:CODE` with a growing N. A set hands out, in order, what came after it was told to watch the GPU. */
struct event_set {
    uint32_t watched; /* a bit a GPU */
    unsigned long seen;
};

static int next_xid(unsigned long after, uint32_t watched, unsigned long *number, unsigned *gpu, uint64_t *code)
{
    const char *rest, *value;
    int found = 0;
    for (size_t n = 0; numbered("xid.", n, &rest, &value); n++) {
        unsigned at;
        unsigned long long xid;
        unsigned long sequence = strtoul(rest, NULL, 10);
        if (sequence <= after || (found && sequence >= *number) || sscanf(value, "%u:%llu", &at, &xid) != 2)
            continue;
        if (at >= MAX_GPUS || !(watched & 1u << at))
            continue;
        *number = sequence;
        *gpu = at;
        *code = xid;
        found = 1;
    }
    return found;
}

static unsigned long newest_xid(void)
{
    const char *rest, *value;
    unsigned long newest = 0;
    for (size_t n = 0; numbered("xid.", n, &rest, &value); n++) {
        unsigned long sequence = strtoul(rest, NULL, 10);
        newest = sequence > newest ? sequence : newest;
    }
    return newest;
}

API int nvmlEventSetCreate(nvml_event_set *out)
{
    SYSTEM_CALL();
    NEEDS(out);
    *out = calloc(1, sizeof **out);
    if (!*out)
        return NVML_ERROR_MEMORY;
    (*out)->seen = newest_xid();
    return finish();
}

API int nvmlDeviceGetSupportedEventTypes(nvml_device handle, uint64_t *out)
{
    DEVICE_CALL(gpu, handle);
    (void)gpu;
    NEEDS(out);
    *out = EVENT_XID_CRITICAL_ERROR;
    return finish();
}

API int nvmlDeviceRegisterEvents(nvml_device handle, uint64_t types, nvml_event_set set)
{
    DEVICE_CALL(gpu, handle);
    NEEDS(set);
    if (types & ~(uint64_t)EVENT_XID_CRITICAL_ERROR)
        return NVML_ERROR_NOT_SUPPORTED;
    set->watched |= types ? 1u << gpu : 0;
    return finish();
}

API int nvmlEventSetWait_v2(nvml_event_set set, struct event_data *out, unsigned timeout_ms)
{
    SYSTEM_CALL();
    NEEDS(set && out);
    for (unsigned waited = 0;; waited += EVENT_STEP_MS) {
        unsigned gpu = 0;
        unsigned long number = 0;
        uint64_t code = 0;
        if (next_xid(set->seen, set->watched, &number, &gpu, &code)) {
            set->seen = number;
            *out = (struct event_data){handle_of((int)gpu), EVENT_XID_CRITICAL_ERROR, code, INSTANCE_NONE, INSTANCE_NONE};
            return finish();
        }
        if (waited >= timeout_ms || waited >= LONGEST_WAIT_MS)
            return NVML_ERROR_TIMEOUT;
        sleep_ms(EVENT_STEP_MS);
        int status = reload();
        if (status)
            return status;
    }
}

API int nvmlEventSetFree(nvml_event_set set)
{
    SYSTEM_CALL();
    NEEDS(set);
    free(set);
    return finish();
}
