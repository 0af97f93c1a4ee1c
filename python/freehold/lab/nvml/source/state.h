/* The simulated hardware: what the state file says, read afresh at every call. */
#ifndef FREEHOLD_NVML_STATE_H
#define FREEHOLD_NVML_STATE_H

#include <stddef.h>

#include "abi.h"

#define MAX_GPUS 32
#define MAX_LINKS 18 /* an H200 has 18 NVLinks (NVIDIA's data sheet) */
#define MAX_INSTANCES 7 /* GPU instances of an H200 */
#define MIB 1048576ull
#define NO_GPU (-1) /* for keys of the whole machine */

/* Each begins a call: reads the state, then lets the call be late, hang or fail as the state wants.
 * Returns NVML_SUCCESS if the call may go on. `function` is the exported name. */
int enter_library(const char *function);
int enter_system(const char *function);
int enter_device(const char *function, nvml_device handle, int *gpu);

/* A MIG device: a compute instance in a GPU instance. */
struct instance {
    unsigned gi, ci;
    char profile[32];
    unsigned long long mib, used;
};
/* Like enter_device, for functions that take a MIG device too: `*instance` is `room` then, and NULL for a whole GPU. */
int enter_any(const char *function, nvml_device handle, int *gpu, struct instance **instance, struct instance *room);
int mig_on(int gpu);
int instance_of(int gpu, int slot, struct instance *out); /* whether there is one */
nvml_device instance_handle(int gpu, int slot);

/* Ends a call: NVML_ERROR_UNKNOWN if a value that was asked for is garbage, else NVML_SUCCESS. */
int finish(void);
void spoil(void); /* what was read is garbage */

/* Begin with one of the above, or return what it says. */
#define SYSTEM_CALL()                                                                                                  \
    do {                                                                                                               \
        int refused_ = enter_system(__func__);                                                                         \
        if (refused_)                                                                                                  \
            return refused_;                                                                                           \
    } while (0)
#define DEVICE_CALL(gpu, handle)                                                                                       \
    int gpu;                                                                                                           \
    do {                                                                                                               \
        int refused_ = enter_device(__func__, handle, &gpu);                                                           \
        if (refused_)                                                                                                  \
            return refused_;                                                                                           \
    } while (0)
#define ANY_CALL(gpu, instance, handle)                                                                                \
    int gpu;                                                                                                           \
    struct instance room_, *instance;                                                                                  \
    do {                                                                                                               \
        int refused_ = enter_any(__func__, handle, &gpu, &instance, &room_);                                           \
        if (refused_)                                                                                                  \
            return refused_;                                                                                           \
    } while (0)
#define NEEDS(pointer)                                                                                                 \
    do {                                                                                                               \
        if (!(pointer))                                                                                                \
            return NVML_ERROR_INVALID_ARGUMENT;                                                                        \
    } while (0)

/* Values of the state read by the last enter_…(): `gpuN.key`, else `key`, else the default. */
double real(int gpu, const char *key, double otherwise);
uint64_t whole(int gpu, const char *key, uint64_t otherwise);
int64_t integer(int gpu, const char *key, int64_t otherwise);
const char *text(int gpu, const char *key, const char *otherwise);

/* The n-th line (from 0) whose key begins with `prefix`: what follows the prefix, and the value. */
int numbered(const char *prefix, size_t n, const char **rest, const char **value);

int gpu_count(void);
int is_lost(int gpu);
nvml_device handle_of(int gpu);
double clock_now(void);       /* seconds of CLOCK_BOOTTIME, or the state's `clock` */
double power_now(int gpu);    /* watts */
uint64_t energy_mj(int gpu);  /* the integral of power over time */
void sleep_ms(unsigned ms);
int reload(void); /* reads the state again in the middle of a call */

/* Identity, unique per machine and index. */
uint64_t hash_of(int gpu, uint64_t salt);
void uuid_of(int gpu, char *out);
void serial_of(int gpu, char *out);
void bus_id_of(int gpu, char *out);
unsigned bus_of(int gpu);
int copy_text(char *out, size_t size, const char *from);

#endif
