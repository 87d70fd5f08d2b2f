using OnnxMoe.Artifacts.Configuration;

namespace OnnxMoe.Trainer.Supernets;

/// <summary>The recipe's section Supernet:Distill: architectures learn from a trained model, not from the data's targets (AutoDistil; Xu et al. 2022, arXiv 2201.12507).</summary>
public sealed class DistillOptions
{
    [Setting("The teacher: the name of a trained model, or its folder; trained first where it is a recipe's; none: the supernet learns from the data")]
    public string Teacher { get; set; } = "";

    [Setting("How the relations of queries, keys and values are compared: their mean squared difference (the released code), or the divergence of their softmax (the paper)", Choices = "mse|kl")]
    public string Loss { get; set; } = "mse";

    [Setting("Heads that queries, keys and values are cut into for their relations, whatever heads the student has; 0: as many as the teacher has", Min = 0)]
    public int RelationHeads { get; set; }

    [Setting("Weight of the loss on the data's targets, on top", Min = 0)]
    public double TargetLoss { get; set; }

    [Setting("Begin with the teacher's weights, the first elements where the supernet is smaller")]
    public bool FromTeacher { get; set; } = true;
}
