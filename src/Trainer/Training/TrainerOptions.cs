using OnnxMoe.Artifacts.Configuration;
using OnnxMoe.Trainer.Growth;

namespace OnnxMoe.Trainer.Training;

/// <summary>The recipe's section Trainer.</summary>
public sealed class TrainerOptions
{
    [Setting("Optimizer steps", Unit = "steps", Min = 1)]
    public int Steps { get; set; } = 1000;

    [Setting("Sequences in one forward pass", Min = 1)]
    public int BatchSize { get; set; } = 16;

    [Setting("Length of a training sequence; 0: Model:ContextLength", Unit = "tokens", Min = 0)]
    public int SequenceLength { get; set; }

    [Setting("Forward passes whose gradients are added up for one step", Min = 1)]
    public int Accumulation { get; set; } = 1;

    [Setting("AdamW, or stochastic gradient descent with momentum, whose weight decay is part of the gradient", Choices = "adamw|sgd")]
    public string Optimizer { get; set; } = "adamw";

    [Setting("Momentum (sgd)", Min = 0, Max = 1)]
    public double Momentum { get; set; } = 0.9;

    [Setting("Nesterov's form of the momentum (sgd)")]
    public bool Nesterov { get; set; }

    [Setting("Peak learning rate", Min = 0)]
    public double LearningRate { get; set; } = 1e-3;

    [Setting("Learning rate at the end of the cosine, as a fraction of the peak", Min = 0, Max = 1)]
    public double FinalLearningRate { get; set; } = 0.1;

    [Setting("Steps of linear warm-up", Unit = "steps", Min = 0)]
    public int WarmupSteps { get; set; } = 50;

    [Setting("Part of each target that is spread over all tokens (masked language models, encoder-decoders, supernets of transformers)", Min = 0, Max = 0.9)]
    public double LabelSmoothing { get; set; }

    [Setting("Weight decay of matrices (norms and biases have none)", Min = 0)]
    public double WeightDecay { get; set; } = 0.1;

    [Setting("Decay of AdamW's first moment", Min = 0, Max = 1)]
    public double Beta1 { get; set; } = 0.9;

    [Setting("Decay of AdamW's second moment", Min = 0, Max = 1)]
    public double Beta2 { get; set; } = 0.95;

    [Setting("Largest norm of the gradient; larger ones are scaled down; 0: no limit", Min = 0)]
    public double ClipNorm { get; set; } = 1;

    [Setting("Steps between evaluations on validation text", Unit = "steps", Min = 1)]
    public int EvaluateEvery { get; set; } = 100;

    [Setting("Validation text of one evaluation, in equal parts of all domains", Unit = "tokens", Min = 1)]
    public int EvaluationTokens { get; set; } = 32768;

    [Setting("Weights that the model ends with: those of the lowest validation loss, or the last (a model for one of several domains gets worse on the others)", Choices = "best|last")]
    public string Keep { get; set; } = "best";

    [Setting("Steps between checkpoints", Unit = "steps", Min = 1)]
    public int CheckpointEvery { get; set; } = 200;

    [Setting("Go on from the last checkpoint of the model's folder, if there is one; otherwise start over")]
    public bool Resume { get; set; } = true;

    [Setting("Write into metrics.jsonl how many tokens each expert got in each step, for onnxmoe shard (decoders)")]
    public bool ExpertCounts { get; set; }

    [Setting("Threads of libtorch; 0: as many as there are cores", Min = 0)]
    public int Threads { get; set; }

    [Setting("Where to train", Choices = "cpu|cuda")]
    public string Device { get; set; } = "cpu";

    /// <summary>The section Trainer:Growth.</summary>
    public GrowthScheduleOptions Growth { get; set; } = new();

    /// <summary>The section Trainer:Alternation.</summary>
    public AlternationOptions Alternation { get; set; } = new();
}
