/* GPU instances. `mig.N=GPU:GI:CI:PROFILE:MIB:USED` is one MIG device: a compute instance CI in the GPU instance GI, with
 * MIB of memory, USED of them in use. A GPU's devices are numbered in the order of their lines, and exist while its
 * `mig` is 1. Functions that are not here or marked ANY_CALL answer "not supported" for them, as NVML's manual says of
 * utilisation and sensors. */
#define _GNU_SOURCE
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "state.h"

int mig_on(int gpu) { return whole(gpu, "mig", 0) == 1; }

int instance_of(int gpu, int slot, struct instance *out)
{
    const char *rest, *value;
    if (!mig_on(gpu))
        return 0;
    for (size_t n = 0; numbered("mig.", n, &rest, &value); n++) {
        unsigned at;
        if (sscanf(value, "%u:%u:%u:%31[^:]:%llu:%llu", &at, &out->gi, &out->ci, out->profile, &out->mib, &out->used) != 6)
            continue;
        if (at == (unsigned)gpu && slot-- == 0)
            return 1;
    }
    return 0;
}

API int nvmlDeviceIsMigDeviceHandle(nvml_device handle, unsigned *out)
{
    ANY_CALL(gpu, instance, handle);
    NEEDS(out);
    *out = instance != NULL;
    return finish();
}

API int nvmlDeviceGetMigDeviceHandleByIndex(nvml_device handle, unsigned index, nvml_device *out)
{
    DEVICE_CALL(gpu, handle);
    NEEDS(out);
    if (!mig_on(gpu))
        return NVML_ERROR_NOT_SUPPORTED;
    struct instance found;
    if (index >= MAX_INSTANCES)
        return NVML_ERROR_INVALID_ARGUMENT;
    if (!instance_of(gpu, (int)index, &found))
        return NVML_ERROR_NOT_FOUND;
    *out = instance_handle(gpu, (int)index);
    return finish();
}

API int nvmlDeviceGetDeviceHandleFromMigDeviceHandle(nvml_device handle, nvml_device *out)
{
    ANY_CALL(gpu, instance, handle);
    NEEDS(out && instance);
    *out = handle_of(gpu);
    return finish();
}

#define OF_INSTANCE(function, member)                                                                                  \
    API int function(nvml_device handle, unsigned *out)                                                                \
    {                                                                                                                  \
        ANY_CALL(gpu, instance, handle);                                                                               \
        (void)gpu;                                                                                                     \
        NEEDS(out);                                                                                                    \
        if (!instance)                                                                                                 \
            return NVML_ERROR_NOT_SUPPORTED;                                                                           \
        *out = instance->member;                                                                                       \
        return finish();                                                                                               \
    }
OF_INSTANCE(nvmlDeviceGetGpuInstanceId, gi)
OF_INSTANCE(nvmlDeviceGetComputeInstanceId, ci)

API int nvmlDeviceGetAttributes_v2(nvml_device handle, struct device_attributes *out)
{
    ANY_CALL(gpu, instance, handle);
    (void)gpu;
    NEEDS(out);
    if (!instance)
        return NVML_ERROR_NOT_SUPPORTED;
    unsigned slices = (unsigned)strtoul(instance->profile, NULL, 10);
    *out = (struct device_attributes){.multiprocessors = slices * 16, /* of the 132 of an H200 */
                                      .copy_engines = slices,
                                      .gpu_slices = slices,
                                      .compute_slices = slices,
                                      .memory_mib = instance->mib};
    return finish();
}
