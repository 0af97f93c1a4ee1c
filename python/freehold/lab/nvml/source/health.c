/* Memory errors, remapped rows, NVLink, fabric, and the fields through which newer drivers hand things out. */
#define _GNU_SOURCE
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "state.h"

enum { CORRECTED, UNCORRECTED, ERROR_KINDS };
enum { VOLATILE, AGGREGATE, COUNTER_KINDS };
enum { LOCATION_DRAM = 2, LOCATION_SRAM = 7, LOCATIONS };

static const char *const ecc_keys[ERROR_KINDS][COUNTER_KINDS] = {
    {"ecc_sbe_volatile", "ecc_sbe_aggregate"},
    {"ecc_dbe_volatile", "ecc_dbe_aggregate"},
};

API int nvmlDeviceGetTotalEccErrors(nvml_device handle, unsigned error, unsigned counter, uint64_t *out)
{
    DEVICE_CALL(gpu, handle);
    NEEDS(out && error < ERROR_KINDS && counter < COUNTER_KINDS);
    if (!whole(gpu, "ecc", 1))
        return NVML_ERROR_NOT_SUPPORTED;
    *out = whole(gpu, ecc_keys[error][counter], 0);
    return finish();
}

/* All counted errors are in DRAM here, none in SRAM; the other places are not counted on Hopper. */
API int nvmlDeviceGetMemoryErrorCounter(nvml_device handle, unsigned error, unsigned counter, unsigned location,
                                        uint64_t *out)
{
    DEVICE_CALL(gpu, handle);
    NEEDS(out && error < ERROR_KINDS && counter < COUNTER_KINDS && location <= LOCATION_SRAM);
    if (!whole(gpu, "ecc", 1) || (location != LOCATION_DRAM && location != LOCATION_SRAM))
        return NVML_ERROR_NOT_SUPPORTED;
    *out = location == LOCATION_DRAM ? whole(gpu, ecc_keys[error][counter], 0) : 0;
    return finish();
}

API int nvmlDeviceGetSramEccErrorStatus(nvml_device handle, struct sram_status_v1 *out)
{
    DEVICE_CALL(gpu, handle);
    NEEDS(out);
    if (out->version != SRAM_STATUS_V1)
        return NVML_ERROR_ARGUMENT_VERSION_MISMATCH;
    memset(out, 0, sizeof *out);
    out->version = SRAM_STATUS_V1;
    out->threshold_exceeded = (uint32_t)whole(gpu, "sram_threshold_exceeded", 0);
    return finish();
}

API int nvmlDeviceGetRemappedRows(nvml_device handle, unsigned *corrected, unsigned *uncorrected, unsigned *pending,
                                  unsigned *failure)
{
    DEVICE_CALL(gpu, handle);
    NEEDS(corrected && uncorrected && pending && failure);
    *corrected = (unsigned)whole(gpu, "remapped_correctable", 0);
    *uncorrected = (unsigned)whole(gpu, "remapped_uncorrectable", 0);
    *pending = (unsigned)whole(gpu, "remapped_pending", 0);
    *failure = (unsigned)whole(gpu, "remapped_failure", 0);
    return finish();
}

API int nvmlDeviceGetRowRemapperHistogram(nvml_device handle, struct row_histogram *out)
{
    DEVICE_CALL(gpu, handle);
    NEEDS(out);
    unsigned used = (unsigned)(whole(gpu, "remapped_correctable", 0) + whole(gpu, "remapped_uncorrectable", 0));
    used = used > 3072 ? 3072 : used; /* banks of an H200 */
    *out = (struct row_histogram){.max = 3072 - used, .partial = used};
    return finish();
}

/* `nvlinkN` is the link's state, `nvlinkN.replay` and so on its errors; `nvlink` and `nvlink.replay` are those of all. */
static uint64_t link_value(int gpu, unsigned link, const char *what, uint64_t otherwise)
{
    char own[48], all[48];
    snprintf(own, sizeof own, "nvlink%u%s", link, what);
    snprintf(all, sizeof all, "nvlink%s", what);
    return whole(gpu, own, whole(gpu, all, otherwise));
}

API int nvmlDeviceGetNvLinkState(nvml_device handle, unsigned link, unsigned *out)
{
    DEVICE_CALL(gpu, handle);
    NEEDS(out && link < MAX_LINKS);
    *out = (unsigned)link_value(gpu, link, "", 1);
    return finish();
}

API int nvmlDeviceGetNvLinkVersion(nvml_device handle, unsigned link, unsigned *out)
{
    DEVICE_CALL(gpu, handle);
    (void)gpu;
    NEEDS(out && link < MAX_LINKS);
    *out = 4; /* Hopper */
    return finish();
}

API int nvmlDeviceGetNvLinkCapability(nvml_device handle, unsigned link, unsigned capability, unsigned *out)
{
    DEVICE_CALL(gpu, handle);
    (void)gpu;
    NEEDS(out && link < MAX_LINKS && capability < 6);
    *out = 1;
    return finish();
}

API int nvmlDeviceGetNvLinkRemoteDeviceType(nvml_device handle, unsigned link, unsigned *out)
{
    DEVICE_CALL(gpu, handle);
    (void)gpu;
    NEEDS(out && link < MAX_LINKS);
    *out = 2; /* an NVSwitch */
    return finish();
}

static const char *const link_errors[] = {".replay", ".recovery", ".crc_flit", ".crc_data", ".ecc"};

API int nvmlDeviceGetNvLinkErrorCounter(nvml_device handle, unsigned link, unsigned counter, uint64_t *out)
{
    DEVICE_CALL(gpu, handle);
    NEEDS(out && link < MAX_LINKS && counter < 5);
    *out = link_value(gpu, link, link_errors[counter], 0);
    return finish();
}

static struct fabric_info fabric_of(int gpu)
{
    struct fabric_info info = {.status = (uint32_t)whole(gpu, "fabric_status", NVML_SUCCESS),
                               .clique = 0,
                               .state = (uint32_t)whole(gpu, "fabric_state", 3)}; /* completed */
    return info;
}

API int nvmlDeviceGetGpuFabricInfo(nvml_device handle, struct fabric_info *out)
{
    DEVICE_CALL(gpu, handle);
    NEEDS(out);
    *out = fabric_of(gpu);
    return finish();
}

API int nvmlDeviceGetGpuFabricInfoV(nvml_device handle, struct fabric_info_v3 *out)
{
    DEVICE_CALL(gpu, handle);
    NEEDS(out);
    if (out->version != FABRIC_V2 && out->version != FABRIC_V3)
        return NVML_ERROR_ARGUMENT_VERSION_MISMATCH;
    out->info = fabric_of(gpu);
    out->health_mask = (uint32_t)whole(gpu, "fabric_health_mask", 0);
    if (out->version == FABRIC_V3)
        out->health_summary = (uint8_t)whole(gpu, "fabric_health_summary", 1);
    return finish();
}

static uint64_t sum_of_links(int gpu, const char *what)
{
    uint64_t sum = 0;
    for (unsigned link = 0; link < MAX_LINKS; link++)
        sum += link_value(gpu, link, what, 0);
    return sum;
}

static void put(struct field_value *field, enum value_type type, uint64_t value)
{
    field->type = type;
    if (type == TYPE_UINT64)
        field->value.uint64 = value;
    else
        field->value.uint32 = (uint32_t)value;
}

static void put_watts(struct field_value *field, double watts) { put(field, TYPE_UINT32, (uint64_t)(watts * 1000 + 0.5)); }

/* Field numbers: NVML_FI_DEV_… in nvidia-ml-py. */
static int fill(int gpu, struct field_value *field)
{
    switch (field->field) {
    case 1:
    case 2:
        return put(field, TYPE_UINT32, whole(gpu, field->field == 2 ? "ecc_pending" : "ecc", 1)), NVML_SUCCESS;
    case 3:
    case 4:
    case 5:
    case 6: /* ECC totals: single and double bit, volatile and aggregate */
        return put(field, TYPE_UINT64, whole(gpu, ecc_keys[(field->field - 3) % 2][(field->field - 3) / 2], 0)), NVML_SUCCESS;
    case 38:
        return put(field, TYPE_UINT64, sum_of_links(gpu, ".crc_flit")), NVML_SUCCESS;
    case 45:
        return put(field, TYPE_UINT64, sum_of_links(gpu, ".crc_data")), NVML_SUCCESS;
    case 52:
        return put(field, TYPE_UINT64, sum_of_links(gpu, ".replay")), NVML_SUCCESS;
    case 59:
        return put(field, TYPE_UINT64, sum_of_links(gpu, ".recovery")), NVML_SUCCESS;
    case 74:
    case 75:
    case 76:
    case 77:
    case 78:
    case 79: { /* time throttled, by NVML's policies 0 to 5 */
        char key[16];
        snprintf(key, sizeof key, "violation%u", field->field - 74);
        return put(field, TYPE_UINT64, whole(gpu, key, 0)), NVML_SUCCESS;
    }
    case 82:
        return put(field, TYPE_UINT32, whole(gpu, "memory_temperature", 25)), NVML_SUCCESS;
    case 83:
        return put(field, TYPE_UINT64, energy_mj(gpu)), NVML_SUCCESS;
    case 90:
        return put(field, TYPE_UINT32, 26562), NVML_SUCCESS; /* Mbit/s a lane of NVLink 4 */
    case 91:
        return put(field, TYPE_UINT32, MAX_LINKS), NVML_SUCCESS;
    case 94:
        return put(field, TYPE_UINT32, whole(gpu, "pcie_replay", 0)), NVML_SUCCESS;
    case 138:
    case 139: /* KiB through all links (scope: one link, or all) */
        return put(field, TYPE_UINT64, whole(gpu, field->field == 138 ? "nvlink_tx" : "nvlink_rx", 0)), NVML_SUCCESS;
    case 142:
        return put(field, TYPE_UINT32, whole(gpu, "remapped_correctable", 0)), NVML_SUCCESS;
    case 143:
        return put(field, TYPE_UINT32, whole(gpu, "remapped_uncorrectable", 0)), NVML_SUCCESS;
    case 144:
        return put(field, TYPE_UINT32, whole(gpu, "remapped_pending", 0)), NVML_SUCCESS;
    case 145:
        return put(field, TYPE_UINT32, whole(gpu, "remapped_failure", 0)), NVML_SUCCESS;
    case 147:
        return put(field, TYPE_UINT32, MAX_LINKS), NVML_SUCCESS;
    case 165:
        if (field->scope >= MAX_LINKS)
            return NVML_ERROR_INVALID_ARGUMENT;
        return put(field, TYPE_UINT32, link_value(gpu, field->scope, "", 1)), NVML_SUCCESS;
    case 185:
    case 186:
        return put_watts(field, power_now(gpu)), NVML_SUCCESS;
    case 187:
        return put_watts(field, real(gpu, "power_limit_min", 200)), NVML_SUCCESS;
    case 188:
        return put_watts(field, real(gpu, "power_limit_max", 700)), NVML_SUCCESS;
    case 189:
    case 190:
    case 192:
        return put_watts(field, real(gpu, "power_limit", 700)), NVML_SUCCESS;
    case 230:
        return put(field, TYPE_UINT32, whole(gpu, "recovery_action", 0)), NVML_SUCCESS;
    default:
        return NVML_ERROR_NOT_SUPPORTED;
    }
}

API int nvmlDeviceGetFieldValues(nvml_device handle, int count, struct field_value *fields)
{
    DEVICE_CALL(gpu, handle);
    NEEDS(fields && count > 0);
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    for (int i = 0; i < count; i++) {
        fields[i].timestamp = now.tv_sec * 1000000ll + now.tv_nsec / 1000;
        fields[i].latency = 0;
        int status = fill(gpu, &fields[i]), garbage = finish();
        fields[i].status = (uint32_t)(status ? status : garbage);
    }
    return NVML_SUCCESS;
}
