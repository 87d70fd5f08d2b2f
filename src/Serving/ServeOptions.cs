using OnnxMoe.Artifacts.Configuration;
using OnnxMoe.Artifacts.Placement;

namespace OnnxMoe.Serving;

/// <summary>Settings of the <c>serve</c> verb: section <c>Serve</c> of a recipe.</summary>
public sealed class ServeOptions
{
    [Setting("Address to listen on: an IP address or localhost; 0.0.0.0 opens the server to the network")]
    public string Host { get; set; } = "127.0.0.1";

    [Setting("TCP port; 0 takes a free one", Min = 0, Max = 65535)]
    public int Port { get; set; } = 8080;

    [Setting("ONNX file in the model folder")]
    public string File { get; set; } = "model.onnx";

    [Setting("Where the model runs: cpu, cuda or cuda:1")]
    public string Device { get; set; } = "cpu";

    [Setting("Devices that share the routed experts as a placement plan says: with cpu so many parts of the processor, with cuda the GPUs 0, 1, ...", Unit = "devices", Min = 1)]
    public int Devices { get; set; } = 1;

    [Setting("mpi: this process was started by mpirun, as one of a group that serves the model together, each rank with the experts of its device in the plan", Choices = "off|mpi")]
    public string Group { get; set; } = "off";

    [Setting("The plan for several devices, in the model folder ('onnxmoe place' makes it); where it is missing, consecutive experts are put together")]
    public string Placement { get; set; } = PlacementPlan.FileName;

    [Setting("How long one of several devices may take for a part of a step; one that takes longer has failed, and the others take over. 0: as long as it likes", Unit = "seconds", Min = 0)]
    public double DeviceTimeout { get; set; } = 30;

    [Setting("Routes that make devices fail and hang, for drills (POST /admin/devices/N/fail and /hang)", Choices = "off|on")]
    public string FaultInjection { get; set; } = "off";

    [Setting("Native kernels for the MoE ops of a file exported with the target onnxmoe; off runs the file's own function bodies", Choices = "on|off")]
    public string Kernels { get; set; } = "on";

    [Setting("Threads of one model step; 0 takes one a processor core", Unit = "threads", Min = 0)]
    public int Threads { get; set; }

    [Setting("Sequences that are generated at the same time, each with its own KV cache", Unit = "sequences", Min = 1)]
    public int Slots { get; set; } = 8;

    [Setting("Sequences share their steps, with a KV cache on pages, where the model can be changed so; off gives each runs of its own, whose results never depend on others", Choices = "on|off")]
    public string Pages { get; set; } = "on";

    [Setting("Memory for the KV cache of a model that runs on pages; 0: what all slots could need, at most a quarter of the machine's memory", Unit = "MiB", Min = 0)]
    public int CacheSize { get; set; }

    [Setting("How a KV cache on pages stores keys and values; fp16 takes half the memory and rounds them, auto takes it where the weights are rounded too", Choices = "auto|fp32|fp16")]
    public string CachePrecision { get; set; } = "auto";

    [Setting("Most tokens of one step of the engine; longer prompts are fed in pieces, so that they do not keep other sequences waiting", Unit = "tokens", Min = 1)]
    public int BatchTokens { get; set; } = 512;

    [Setting("Sequences that begin alike share what was computed of their beginning", Choices = "on|off")]
    public string PrefixReuse { get; set; } = "on";

    [Setting("Sequences that wait for a slot before further ones are refused with status 429", Unit = "sequences", Min = 0)]
    public int QueueLimit { get; set; } = 256;

    [Setting("With a router that decides before the model runs: how often a waiting step may be passed over for steps of busier experts", Min = 1)]
    public int MaxAge { get; set; } = 16;

    [Setting("Size of a cache of experts whose hits and misses /metrics is to count, though it holds no weights; 0: none", Unit = "experts", Min = 0)]
    public int ExpertSlots { get; set; }

    [Setting("What that cache gives up when it is full; belady looks at the steps that wait, which only a router that decides before the model runs can tell", Choices = "lru|lfu|random|belady")]
    public string ExpertPolicy { get; set; } = "lru";

    [Setting("Tokens to generate when a request names no max_tokens; less where the context is full earlier", Unit = "tokens", Min = 1)]
    public int MaxTokens { get; set; } = 128;

    [Setting("Experts a token meets when a request does not say, of a model that lets callers choose; 0: the model's default", Min = 0)]
    public int ActiveExperts { get; set; }

    [Setting("The same while more sequences wait than there are slots; 0: no difference", Min = 0)]
    public int BusyActiveExperts { get; set; }

    [Setting("Sum of probabilities up to which a token is given experts, of a model whose routers select so (top-p); 0: the model's own", Min = 0, Max = 1)]
    public double RouterThreshold { get; set; }

    [Setting("Largest request body", Unit = "MiB", Min = 1)]
    public int MaxBody { get; set; } = 64;

    [Setting("Longest time for a client to send a request's headers, and before that to end its TLS handshake", Unit = "seconds", Min = 1, Max = 86400)]
    public double HeaderSeconds { get; set; } = 30;

    [Setting("Longest time for a client to send a request's body", Unit = "seconds", Min = 1, Max = 86400)]
    public double BodySeconds { get; set; } = 120;

    [Setting("Slowest rate at which a client may send its request and take its answer; 0: any", Unit = "bytes a second", Min = 0)]
    public double MinDataRate { get; set; } = 240;

    [Setting("How long a client may be slower than that, or take nothing of an answer, before its connection is closed", Unit = "seconds", Min = 2, Max = 3600)]
    public double SlowSeconds { get; set; } = 10;

    [Setting("Connections at a time; 0: any number", Unit = "connections", Min = 0)]
    public int MaxConnections { get; set; }

    [Setting("Longest time from a generation request to the end of its answer, which then ends early; a request may ask for less; 0: any", Unit = "seconds", Min = 0, Max = 1000000)]
    public double RequestTimeout { get; set; }

    /// <summary>What one client may ask for in a minute.</summary>
    public RateLimitOptions RateLimit { get; set; } = new();

    [Setting("Longest wait for running requests after SIGTERM", Unit = "seconds", Min = 0)]
    public double DrainSeconds { get; set; } = 30;

    [Setting("Key that clients must send as 'Authorization: Bearer KEY'; with neither a key nor a file of keys everyone is answered")]
    public string ApiKey { get; set; } = "";

    [Setting("File of further keys, one a line, each alone or after a name for the log; read again when it changes")]
    public string ApiKeyFile { get; set; } = "";

    /// <summary>Encryption.</summary>
    public TlsOptions Tls { get; set; } = new();

    [Setting("Load the model again when its manifest changes; running requests end with the old one")]
    public bool WatchModel { get; set; }

    [Setting("Record which experts the tokens of requests meet", Choices = "off|on")]
    public string Trace { get; set; } = "off";

    [Setting("File of the routing trace, in the model folder")]
    public string TraceFile { get; set; } = "trace-serve.bin";

    [Setting("Fraction of the requests that the trace records", Min = 0, Max = 1)]
    public double TraceFraction { get; set; } = 1;

    [Setting("Form of the log lines", Choices = "text|json|off")]
    public string Log { get; set; } = "text";

    [Setting("Write prompts and answers into the log")]
    public bool LogPrompts { get; set; }

    [Setting("List the metrics a second time under the names of vLLM and Triton, for dashboards and routers made for these")]
    public bool MetricsAliases { get; set; }
}
