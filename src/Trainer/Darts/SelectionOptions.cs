using OnnxMoe.Artifacts.Configuration;

namespace OnnxMoe.Trainer.Darts;

/// <summary>The recipe's section Search:Selection: how the operations of a softly trained supernet are decided (Search:Method=magnitude or perturbation).</summary>
public sealed class SelectionOptions
{
    /// <summary>The word of Search:Method for the largest architecture weight.</summary>
    public const string Magnitude = "magnitude";

    /// <summary>The word of Search:Method for the deletion that hurts most.</summary>
    public const string Perturbation = "perturbation";

    [Setting("What tells how much a deletion hurts (perturbation)", Choices = "accuracy|loss")]
    public string Criterion { get; set; } = "accuracy";

    [Setting("Epochs of training between two decisions", Unit = "epochs", Min = 0)]
    public int TuningEpochs { get; set; } = 5;

    [Setting("Learning rate of that training, constant, as a share of Trainer:LearningRate", Min = 0)]
    public double LearningRate { get; set; } = 0.1;

    [Setting("Inputs that a node keeps; edges from others become none; 0: all", Min = 0)]
    public int TopologyInputs { get; set; }
}
