/* What one GPU says of itself. Defaults are those of an idle H200 SXM as nvidia-smi -q printed them (driver 550.90.12);
 * each can be set by the key that stands beside it. */
#define _GNU_SOURCE
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "state.h"

/* Most functions hand out one number that the state may set. */
#define READS(function, key, otherwise)                                                                                \
    API int function(nvml_device handle, unsigned *out)                                                                \
    {                                                                                                                  \
        DEVICE_CALL(gpu, handle);                                                                                      \
        NEEDS(out);                                                                                                    \
        *out = (unsigned)whole(gpu, key, otherwise);                                                                   \
        return finish();                                                                                               \
    }
#define READS_PAIR(function, key, otherwise, second_key, second_otherwise)                                             \
    API int function(nvml_device handle, unsigned *out, unsigned *second)                                              \
    {                                                                                                                  \
        DEVICE_CALL(gpu, handle);                                                                                      \
        NEEDS(out &&second);                                                                                           \
        *out = (unsigned)whole(gpu, key, otherwise);                                                                   \
        *second = (unsigned)whole(gpu, second_key, second_otherwise);                                                  \
        return finish();                                                                                               \
    }
/* A function that exists but that an H200 under Linux does not do: 3, as the real library answers. */
#define UNSUPPORTED(function)                                                                                          \
    API int function(nvml_device handle)                                                                               \
    {                                                                                                                  \
        DEVICE_CALL(gpu, handle);                                                                                      \
        (void)gpu;                                                                                                     \
        return NVML_ERROR_NOT_SUPPORTED;                                                                               \
    }

READS(nvmlDeviceGetIndex, "index", (unsigned)gpu)
READS(nvmlDeviceGetMinorNumber, "minor_number", (unsigned)gpu)
READS(nvmlDeviceGetModuleId, "module_id", (unsigned)gpu + 1)
READS(nvmlDeviceGetBoardId, "board_id", bus_of(gpu) << 8)
READS(nvmlDeviceGetMultiGpuBoard, "multi_gpu_board", 0)
READS(nvmlDeviceGetBrand, "brand", 14)              /* NVML_BRAND_NVIDIA */
READS(nvmlDeviceGetArchitecture, "architecture", 9) /* NVML_DEVICE_ARCH_HOPPER */
READS(nvmlDeviceGetBusType, "bus_type", 2)          /* PCIe */
READS(nvmlDeviceGetNumGpuCores, "gpu_cores", 132 * 128)
READS(nvmlDeviceGetComputeMode, "compute_mode", 0)
READS(nvmlDeviceGetPersistenceMode, "persistence_mode", 1)
READS(nvmlDeviceGetDisplayMode, "display_mode", 0)
READS(nvmlDeviceGetDisplayActive, "display_active", 0)
READS(nvmlDeviceGetPerformanceState, "performance_state", 0)
READS(nvmlDeviceGetPowerState, "performance_state", 0)
READS(nvmlDeviceGetPowerManagementMode, "power_management", 1)
READS(nvmlDeviceGetNumFans, "fans", 0)
READS(nvmlDeviceGetCurrPcieLinkGeneration, "pcie_generation", 5)
READS(nvmlDeviceGetMaxPcieLinkGeneration, "pcie_generation_max", 5)
READS(nvmlDeviceGetGpuMaxPcieLinkGeneration, "pcie_generation_max", 5)
READS(nvmlDeviceGetCurrPcieLinkWidth, "pcie_width", 16)
READS(nvmlDeviceGetMaxPcieLinkWidth, "pcie_width_max", 16)
READS(nvmlDeviceGetPcieReplayCounter, "pcie_replay", 0)
READS(nvmlDeviceGetMaxMigDeviceCount, "mig_devices_max", 7)
READS_PAIR(nvmlDeviceGetCudaComputeCapability, "compute_major", 9, "compute_minor", 0)
/* Said of a whole GPU only while it is one. */
#define READS_PAIR_WHOLE(function, key)                                                                                \
    API int function(nvml_device handle, unsigned *out, unsigned *second)                                              \
    {                                                                                                                  \
        DEVICE_CALL(gpu, handle);                                                                                      \
        NEEDS(out &&second);                                                                                           \
        if (mig_on(gpu))                                                                                               \
            return NVML_ERROR_NOT_SUPPORTED;                                                                           \
        *out = (unsigned)whole(gpu, key, 0);                                                                           \
        *second = (unsigned)whole(gpu, "sampling_us", 167000);                                                         \
        return finish();                                                                                               \
    }
READS_PAIR_WHOLE(nvmlDeviceGetEncoderUtilization, "encoder_utilisation")
READS_PAIR_WHOLE(nvmlDeviceGetDecoderUtilization, "decoder_utilisation")
READS_PAIR_WHOLE(nvmlDeviceGetJpgUtilization, "jpeg_utilisation")
READS_PAIR_WHOLE(nvmlDeviceGetOfaUtilization, "ofa_utilisation")
READS_PAIR(nvmlDeviceGetEccMode, "ecc", 1, "ecc_pending", whole(gpu, "ecc", 1))
READS_PAIR(nvmlDeviceGetMigMode, "mig", 0, "mig_pending", whole(gpu, "mig", 0))

UNSUPPORTED(nvmlDeviceGetFanSpeed)
UNSUPPORTED(nvmlDeviceGetFanSpeed_v2)
UNSUPPORTED(nvmlDeviceGetDriverModel)
UNSUPPORTED(nvmlDeviceGetDriverModel_v2)
UNSUPPORTED(nvmlDeviceGetRunningProcessDetailList)
UNSUPPORTED(nvmlDeviceGetRetiredPages)
UNSUPPORTED(nvmlDeviceGetRetiredPages_v2)
UNSUPPORTED(nvmlDeviceGetRetiredPagesPendingStatus)

/* Watts in the state, milliwatts in the interface. */
static int milliwatts(int gpu, unsigned *out, const char *key, double otherwise)
{
    NEEDS(out);
    *out = (unsigned)(real(gpu, key, otherwise) * 1000 + 0.5);
    return finish();
}

API int nvmlDeviceGetPowerUsage(nvml_device handle, unsigned *out)
{
    DEVICE_CALL(gpu, handle);
    NEEDS(out);
    *out = (unsigned)(power_now(gpu) * 1000 + 0.5);
    return finish();
}

API int nvmlDeviceGetTotalEnergyConsumption(nvml_device handle, uint64_t *out)
{
    DEVICE_CALL(gpu, handle);
    NEEDS(out);
    *out = energy_mj(gpu);
    return finish();
}

API int nvmlDeviceGetPowerManagementLimit(nvml_device handle, unsigned *out)
{
    DEVICE_CALL(gpu, handle);
    return milliwatts(gpu, out, "power_limit", 700);
}

API int nvmlDeviceGetEnforcedPowerLimit(nvml_device handle, unsigned *out)
{
    DEVICE_CALL(gpu, handle);
    return milliwatts(gpu, out, "power_limit", 700);
}

API int nvmlDeviceGetPowerManagementDefaultLimit(nvml_device handle, unsigned *out)
{
    DEVICE_CALL(gpu, handle);
    return milliwatts(gpu, out, "power_limit_default", 700);
}

API int nvmlDeviceGetPowerManagementLimitConstraints(nvml_device handle, unsigned *low, unsigned *high)
{
    DEVICE_CALL(gpu, handle);
    int status = milliwatts(gpu, low, "power_limit_min", 200);
    return status ? status : milliwatts(gpu, high, "power_limit_max", 700);
}

API int nvmlDeviceGetTemperature(nvml_device handle, unsigned sensor, unsigned *out)
{
    DEVICE_CALL(gpu, handle);
    NEEDS(out && sensor == 0);
    *out = (unsigned)whole(gpu, "temperature", 28);
    return finish();
}

API int nvmlDeviceGetTemperatureV(nvml_device handle, struct temperature_v1 *out)
{
    DEVICE_CALL(gpu, handle);
    NEEDS(out && out->sensor == 0);
    if (out->version != TEMPERATURE_V1)
        return NVML_ERROR_ARGUMENT_VERSION_MISMATCH;
    out->temperature = (int32_t)whole(gpu, "temperature", 28);
    return finish();
}

/* How far the GPU is from slowing down; the H200 above was at 28 C with 59 left. */
API int nvmlDeviceGetMarginTemperature(nvml_device handle, struct margin_v1 *out)
{
    DEVICE_CALL(gpu, handle);
    NEEDS(out);
    if (out->version != MARGIN_V1)
        return NVML_ERROR_ARGUMENT_VERSION_MISMATCH;
    out->margin = (int32_t)integer(gpu, "temperature_limit", 87) - (int32_t)whole(gpu, "temperature", 28);
    return finish();
}

struct split {
    uint64_t total, reserved, used, free;
};

static struct split memory_of(int gpu, const struct instance *instance)
{
    struct split m;
    if (instance)
        return (struct split){instance->mib * MIB, 0, instance->used * MIB,
                              instance->mib > instance->used ? (instance->mib - instance->used) * MIB : 0};
    m.total = whole(gpu, "memory_total", 143771) * MIB; /* what nvidia-smi shows for an H200: 150,754,820,096 bytes */
    m.reserved = whole(gpu, "memory_reserved", 700) * MIB;
    m.used = whole(gpu, "memory_used", 0) * MIB;
    m.free = m.total > m.reserved + m.used ? m.total - m.reserved - m.used : 0;
    return m;
}

/* The old form counts what is reserved as used, the second one tells it apart. */
API int nvmlDeviceGetMemoryInfo(nvml_device handle, struct memory *out)
{
    ANY_CALL(gpu, instance, handle);
    NEEDS(out);
    struct split m = memory_of(gpu, instance);
    *out = (struct memory){m.total, m.free, m.used + m.reserved};
    return finish();
}

API int nvmlDeviceGetMemoryInfo_v2(nvml_device handle, struct memory_v2 *out)
{
    ANY_CALL(gpu, instance, handle);
    NEEDS(out);
    if (out->version != MEMORY_V2)
        return NVML_ERROR_ARGUMENT_VERSION_MISMATCH;
    struct split m = memory_of(gpu, instance);
    *out = (struct memory_v2){MEMORY_V2, m.total, m.reserved, m.free, m.used};
    return finish();
}

API int nvmlDeviceGetBAR1MemoryInfo(nvml_device handle, struct memory *out)
{
    DEVICE_CALL(gpu, handle);
    NEEDS(out);
    *out = (struct memory){262144 * MIB, 262143 * MIB, 1 * MIB};
    return finish();
}

API int nvmlDeviceGetUtilizationRates(nvml_device handle, struct utilisation *out)
{
    DEVICE_CALL(gpu, handle);
    NEEDS(out);
    if (mig_on(gpu))
        return NVML_ERROR_NOT_SUPPORTED;
    out->gpu = (unsigned)whole(gpu, "utilisation", 0);
    out->memory = (unsigned)whole(gpu, "memory_utilisation", 0);
    return finish();
}

enum { CLOCK_GRAPHICS, CLOCK_SM, CLOCK_MEMORY, CLOCK_VIDEO, CLOCKS };

API int nvmlDeviceGetClockInfo(nvml_device handle, unsigned which, unsigned *out)
{
    static const char *const keys[CLOCKS] = {"sm_clock", "sm_clock", "memory_clock", "video_clock"};
    static const unsigned idle[CLOCKS] = {345, 345, 3199, 765};
    DEVICE_CALL(gpu, handle);
    NEEDS(out && which < CLOCKS);
    *out = (unsigned)whole(gpu, keys[which], idle[which]);
    return finish();
}

API int nvmlDeviceGetMaxClockInfo(nvml_device handle, unsigned which, unsigned *out)
{
    static const unsigned highest[CLOCKS] = {1980, 1980, 3201, 1545};
    DEVICE_CALL(gpu, handle);
    (void)gpu;
    NEEDS(out && which < CLOCKS);
    *out = highest[which];
    return finish();
}

API int nvmlDeviceGetCurrentClocksEventReasons(nvml_device handle, uint64_t *out)
{
    DEVICE_CALL(gpu, handle);
    NEEDS(out);
    *out = whole(gpu, "throttle_reasons", 0x1); /* idle */
    return finish();
}
API int nvmlDeviceGetCurrentClocksThrottleReasons(nvml_device handle, uint64_t *out)
{
    return nvmlDeviceGetCurrentClocksEventReasons(handle, out);
}

API int nvmlDeviceGetSupportedClocksEventReasons(nvml_device handle, uint64_t *out)
{
    DEVICE_CALL(gpu, handle);
    (void)gpu;
    NEEDS(out);
    *out = 0x1ff;
    return finish();
}
API int nvmlDeviceGetSupportedClocksThrottleReasons(nvml_device handle, uint64_t *out)
{
    return nvmlDeviceGetSupportedClocksEventReasons(handle, out);
}

API int nvmlDeviceGetViolationStatus(nvml_device handle, unsigned policy, struct violation_time *out)
{
    DEVICE_CALL(gpu, handle);
    NEEDS(out && policy < 12);
    char key[32];
    snprintf(key, sizeof key, "violation%u", policy);
    *out = (struct violation_time){(uint64_t)(clock_now() * 1e6), whole(gpu, key, 0)}; /* reference us, violation ns */
    return finish();
}

API int nvmlDeviceGetPcieThroughput(nvml_device handle, unsigned counter, unsigned *out)
{
    DEVICE_CALL(gpu, handle);
    NEEDS(out && counter < 2);
    *out = (unsigned)whole(gpu, counter == 0 ? "pcie_tx" : "pcie_rx", counter == 0 ? 657 : 619); /* KB/s */
    return finish();
}
