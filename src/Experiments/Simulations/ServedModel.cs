namespace OnnxMoe.Experiments.Simulations;

/// <summary>A model of table 6 of the paper with its published size and how it is served.</summary>
/// <param name="Model">The sizes.</param>
/// <param name="Billions">Published weights in billions.</param>
/// <param name="Slices">Tensor slices.</param>
/// <param name="Gpus">GPUs with DeepSpeed-MoE; the plain way has 128 at most.</param>
public sealed record ServedModel(GptMoeShape Model, double Billions, int Slices, int Gpus)
{
    /// <summary>
    /// Table 6. It prints 30 layers for 8B and 40 for 24B; the published sizes need 40 and 30 (DeepSpeed's tutorial has 30 layers and 1,046.9 billion for 24B, the paper 1,064.9), which are taken here.
    /// </summary>
    public static IReadOnlyList<ServedModel> All { get; } =
    [
        new(GptMoeShape.Standard("1.3B+MoE-128", 24, 2048, 128), 52, 1, 128),
        new(GptMoeShape.Standard("2.4B+MoE-128", 16, 3584, 128), 107.7, 1, 128),
        new(GptMoeShape.Standard("8B+MoE-128", 40, 4096, 128), 349.0, 4, 128),
        new(GptMoeShape.Standard("24B+MoE-128", 30, 8192, 128), 1046.9, 8, 256),
        new(GptMoeShape.Standard("47B+MoE-128", 58, 8192, 128), 2024.0, 8, 256),
    ];

    /// <summary>GPT-3's shape of 6.7 billion weights, of equal quality to the 52 billion MoE.</summary>
    public static GptMoeShape SmallDense { get; } = new("6.7B dense", 32, 4096, []);

    /// <summary>GPT-3's shape of 175 billion weights, to which the paper compares 1.5 trillion.</summary>
    public static GptMoeShape LargeDense { get; } = new("175B dense", 96, 12288, []);

    /// <summary>1.5 trillion weights: the paper gives no layers; 44 of width 8,192 make 1.5.</summary>
    public static GptMoeShape Trillion { get; } = GptMoeShape.Standard("1.5T", 44, 8192, 128);

    /// <summary>The same as PR-MoE + MoS: an eighth of the layers less, a dense layer beside each routed one.</summary>
    public static GptMoeShape TrillionStudent { get; } = GptMoeShape.Pyramid("1.5T as PR-MoE + MoS", 38, 8192, 64, 128);

    /// <summary>PR-MoE + MoS of 52 billion weights.</summary>
    public static GptMoeShape SmallStudent { get; } = GptMoeShape.Printed[^1].Model;
}
