using OnnxMoe.Artifacts.Configuration;

namespace OnnxMoe.Trainer.Training;

/// <summary>The recipe's section Trainer:Alternation: a router before the model and the model itself, trained in turn (Read-ME).</summary>
public sealed class AlternationOptions
{
    [Setting("Steps of a round that train the router before the model, by distillation; 0: it is not trained", Unit = "steps", Min = 0)]
    public int RouterSteps { get; set; }

    [Setting("Steps of a round that train the model, its router frozen; rounds follow each other until Trainer:Steps", Unit = "steps", Min = 1)]
    public int BackboneSteps { get; set; } = 200;

    [Setting("Peak learning rate of the router; the model's is Trainer:LearningRate. Both fall by a cosine within their steps of a round", Min = 0)]
    public double RouterLearningRate { get; set; } = 5e-4;

    [Setting("Sequences in a step of the router; 0: Trainer:BatchSize", Min = 0)]
    public int RouterBatchSize { get; set; }

    [Setting("What both learning rates are multiplied by from round to round", Min = 0, Max = 1)]
    public double RoundDecay { get; set; } = 0.8;

    [Setting("What the router learns: the ranks of each token's largest activations among the experts' own units, as the published code has it, or the share of its largest half that each expert keeps, as the paper has it",
        Choices = RoutingDistillationLoss.Ranks + "|" + RoutingDistillationLoss.Overlap)]
    public string Distillation { get; set; } = RoutingDistillationLoss.Ranks;
}
