using System.Text.Json;
using OnnxMoe.Artifacts.Configuration;
using OnnxMoe.Trainer.Branches;
using OnnxMoe.Trainer.Cells;
using OnnxMoe.Trainer.Convolutions;
using OnnxMoe.Trainer.Experts;
using OnnxMoe.Trainer.Growth;
using OnnxMoe.Trainer.Layers;
using OnnxMoe.Trainer.Quantization;
using OnnxMoe.Trainer.Routers;

namespace OnnxMoe.Trainer.Backbones;

/// <summary>The recipe's section Model: a transformer whose feed-forward layers are dense or routed.</summary>
public sealed class ModelOptions
{
    /// <summary>The word of <see cref="Backbone"/> for causal models.</summary>
    public const string Decoder = "decoder";

    /// <summary>The word of <see cref="Backbone"/> for bidirectional models.</summary>
    public const string Encoder = "encoder";

    /// <summary>The word of <see cref="Backbone"/> for bidirectional models that fill in masked tokens.</summary>
    public const string MaskedLm = "masked-lm";

    /// <summary>The word of <see cref="Backbone"/> for models that read one sequence and write another.</summary>
    public const string EncoderDecoder = "encoder-decoder";

    /// <summary>The word of <see cref="Backbone"/> for perceptrons.</summary>
    public const string Perceptron = "mlp";

    /// <summary>The word of <see cref="Backbone"/> for convolutional networks.</summary>
    public const string Convolutional = "cnn";

    /// <summary>The word of <see cref="Backbone"/> for networks of cells.</summary>
    public const string CellNetwork = "cells";

    /// <summary>The word of <see cref="Backbone"/> for networks of parallel branches.</summary>
    public const string BranchNetwork = "branches";

    [Setting("decoder: a causal language model; encoder: a bidirectional classifier; mlp: a perceptron that classifies; cnn, cells, branches: networks that classify images by convolutions; masked-lm: a bidirectional language model that fills in masked tokens; encoder-decoder: reads a text and writes another",
        Choices = "decoder|encoder|mlp|cnn|cells|branches|masked-lm|encoder-decoder")]
    public string Backbone { get; set; } = Decoder;

    [Setting("Transformer blocks", Min = 1)]
    public int Layers { get; set; } = 4;

    [Setting("Width of the residual stream", Min = 2)]
    public int HiddenSize { get; set; } = 128;

    [Setting("Attention heads; must divide HiddenSize", Min = 1)]
    public int Heads { get; set; } = 4;

    [Setting("Key and value heads (grouped-query attention); must divide Heads; 0: as many as Heads", Min = 0)]
    public int KvHeads { get; set; }

    [Setting("Size of an attention head; 0: HiddenSize / Heads", Min = 0)]
    public int HeadSize { get; set; }

    [Setting("Attention heads of each block, where they differ, with Model:HeadSize; none: Model:Heads in all", Min = 1)]
    public int[] LayerHeads { get; set; } = [];

    [Setting("Hidden size of the feed-forward layer of each block, where they differ, in a model without routed layers; none: Model:DenseHidden in all", Min = 1)]
    public int[] LayerHidden { get; set; } = [];

    [Setting("Longest sequence, prompt and continuation together", Unit = "tokens", Min = 2)]
    public int ContextLength { get; set; } = 256;

    [Setting("Base of the rotary embedding's wavelengths", Min = 1)]
    public double RopeBase { get; set; } = 10000;

    [Setting("Share the embedding with the output head")]
    public bool TiedHead { get; set; }

    [Setting("Epsilon of the normalizations", Min = 0)]
    public double NormEpsilon { get; set; } = 1e-5;

    [Setting("Blocks, counted from the first, whose feed-forward layer is dense", Min = 0)]
    public int FirstDenseLayers { get; set; }

    [Setting("Hidden size of dense feed-forward layers; 0: as many as a token activates in a routed layer", Min = 0)]
    public int DenseHidden { get; set; }

    [Setting("Routed experts a layer; those of ZeroComputation come on top", Min = 0)]
    public int Experts { get; set; } = 15;

    [Setting("Routed experts that a token activates", Min = 1)]
    public int ExpertsPerToken { get; set; } = 3;

    [Setting("Hidden size of one expert", Min = 1)]
    public int ExpertHidden { get; set; } = 128;

    [Setting("Shared experts: always active, not routed; written as one feed-forward layer", Min = 0)]
    public int SharedExperts { get; set; } = 1;

    [Setting("Activation of the feed-forward layers", Choices = "relu|gelu|silu")]
    public string Activation { get; set; } = "silu";

    [Setting("Gated feed-forward layers (SwiGLU with silu)")]
    public bool Gated { get; set; } = true;

    [Setting("Biases in the feed-forward layers")]
    public bool FfnBias { get; set; }

    [Setting("Standard deviation of the initial weights", Min = 0)]
    public double InitialDeviation { get; set; } = 0.02;

    [Setting("Blocks that normalize what their layers read (pre-norm), or their results, with a second residual around the feed-forward place (post-norm), or whose attention and feed-forward layer read the same normalized stream (parallel; GPT-J, PaLM)",
        Choices = "pre-norm|post-norm|parallel")]
    public string Block { get; set; } = "pre-norm";

    /// <summary>The section Model:Mlp.</summary>
    public MlpOptions Mlp { get; set; } = new();

    /// <summary>The section Model:Cnn.</summary>
    public CnnOptions Cnn { get; set; } = new();

    /// <summary>The section Model:Branches.</summary>
    public BranchOptions Branches { get; set; } = new();

    /// <summary>The section Model:Growth.</summary>
    public GrowthOptions Growth { get; set; } = new();

    /// <summary>The section Model:Cells.</summary>
    public CellOptions Cells { get; set; } = new();
    /// <summary>The section Model:Target.</summary>
    public TargetOptions Target { get; set; } = new();

    /// <summary>The section Model:Quantization.</summary>
    public QuantizationOptions Quantization { get; set; } = new();

    /// <summary>The section Model:Chain.</summary>
    public ChainOptions Chain { get; set; } = new();

    /// <summary>The section Model:Residual.</summary>
    public ResidualOptions Residual { get; set; } = new();

    /// <summary>The section Model:ZeroComputation.</summary>
    public ZeroComputationOptions ZeroComputation { get; set; } = new();

    /// <summary>The section Model:AttentionBank.</summary>
    public AttentionBankOptions AttentionBank { get; set; } = new();

    /// <summary>The section Model:PreGate.</summary>
    public PreGateOptions PreGate { get; set; } = new();

    /// <summary>The section Model:HeadRouting.</summary>
    public HeadRoutingOptions HeadRouting { get; set; } = new();

    /// <summary>The section Model:Router.</summary>
    public RouterOptions Router { get; set; } = new();

    /// <summary>The same settings, to be changed without changing these.</summary>
    public ModelOptions Copy() => JsonSerializer.Deserialize<ModelOptions>(JsonSerializer.Serialize(this))!;
}
