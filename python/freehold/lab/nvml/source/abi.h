/* The binary interface of NVML, as far as this simulation goes.
 *
 * Layouts and numbers were taken from the ctypes declarations of nvidia-ml-py 13.615.71 and written anew; the sizes are
 * asserted, because a structure of the wrong size is the one mistake that a caller cannot see.
 */
#ifndef FREEHOLD_NVML_ABI_H
#define FREEHOLD_NVML_ABI_H

#include <stdint.h>

#define API __attribute__((visibility("default")))

enum nvml_return {
    NVML_SUCCESS = 0,
    NVML_ERROR_UNINITIALIZED = 1,
    NVML_ERROR_INVALID_ARGUMENT = 2,
    NVML_ERROR_NOT_SUPPORTED = 3,
    NVML_ERROR_NOT_FOUND = 6,
    NVML_ERROR_INSUFFICIENT_SIZE = 7,
    NVML_ERROR_DRIVER_NOT_LOADED = 9,
    NVML_ERROR_TIMEOUT = 10,
    NVML_ERROR_GPU_IS_LOST = 15,
    NVML_ERROR_MEMORY = 20,
    NVML_ERROR_ARGUMENT_VERSION_MISMATCH = 25,
    NVML_ERROR_UNKNOWN = 999,
};

/* What a caller holds: opaque to it, our own records to us. */
typedef struct device *nvml_device;
typedef struct event_set *nvml_event_set;

struct pci_info {
    char bus_id_legacy[16];
    uint32_t domain, bus, device, pci_device_id, pci_subsystem_id;
    char bus_id[32];
};
_Static_assert(sizeof(struct pci_info) == 68, "nvmlPciInfo_t");

struct memory {
    uint64_t total, free, used;
};
struct memory_v2 {
    uint32_t version;
    uint64_t total, reserved, free, used;
};
_Static_assert(sizeof(struct memory_v2) == 0x28, "nvmlMemory_v2_t");
#define MEMORY_V2 0x02000028u

struct utilisation {
    uint32_t gpu, memory;
};

struct temperature_v1 {
    uint32_t version, sensor;
    int32_t temperature;
};
#define TEMPERATURE_V1 0x0100000Cu

struct margin_v1 {
    uint32_t version;
    int32_t margin;
};
#define MARGIN_V1 0x01000008u

struct process_info {
    uint32_t pid;
    uint64_t used_memory;
    uint32_t gpu_instance, compute_instance;
};
_Static_assert(sizeof(struct process_info) == 24, "nvmlProcessInfo_v2_t");

struct process_sample {
    uint32_t pid;
    uint64_t timestamp;
    uint32_t sm, memory, encoder, decoder;
};
_Static_assert(sizeof(struct process_sample) == 32, "nvmlProcessUtilizationSample_t");

struct device_attributes {
    uint32_t multiprocessors, copy_engines, decoders, encoders, jpeg, ofa, gpu_slices, compute_slices;
    uint64_t memory_mib;
};
_Static_assert(sizeof(struct device_attributes) == 40, "nvmlDeviceAttributes_t");

struct violation_time {
    uint64_t reference, violation;
};

union value {
    double real;
    int32_t int32;
    uint32_t uint32;
    uint64_t uint64;
};
enum value_type { TYPE_DOUBLE = 0, TYPE_UINT32 = 1, TYPE_UINT64 = 3, TYPE_INT32 = 5 };

struct field_value {
    uint32_t field, scope;
    int64_t timestamp, latency;
    uint32_t type, status;
    union value value;
};
_Static_assert(sizeof(struct field_value) == 40, "nvmlFieldValue_t");

struct sram_status_v1 {
    uint32_t version;
    uint64_t aggregate_parity, aggregate_secded, aggregate_corrected;
    uint64_t volatile_parity, volatile_secded, volatile_corrected;
    uint64_t bucket_l2, bucket_sm, bucket_pcie, bucket_mcu, bucket_other;
    uint32_t threshold_exceeded;
};
_Static_assert(sizeof(struct sram_status_v1) == 0x68, "nvmlEccSramErrorStatus_v1_t");
#define SRAM_STATUS_V1 0x01000068u

struct row_histogram {
    uint32_t max, high, partial, low, none;
};

struct fabric_info {
    uint8_t cluster[16];
    uint32_t status, clique, state;
};
struct fabric_info_v2 {
    uint32_t version;
    struct fabric_info info;
    uint32_t health_mask;
};
_Static_assert(sizeof(struct fabric_info_v2) == 0x24, "nvmlGpuFabricInfo_v2_t");
struct fabric_info_v3 {
    uint32_t version;
    struct fabric_info info;
    uint32_t health_mask;
    uint8_t health_summary;
};
_Static_assert(sizeof(struct fabric_info_v3) == 0x28, "nvmlGpuFabricInfo_v3_t");
#define FABRIC_V2 0x02000024u
#define FABRIC_V3 0x03000028u

struct event_data {
    nvml_device device;
    uint64_t type, data;
    uint32_t gpu_instance, compute_instance;
};
_Static_assert(sizeof(struct event_data) == 32, "nvmlEventData_t");
#define EVENT_XID_CRITICAL_ERROR 0x8u
#define INSTANCE_NONE 0xFFFFFFFFu

#endif
