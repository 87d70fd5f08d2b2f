using OnnxMoe.Artifacts.Configuration;

namespace OnnxMoe.Trainer.Routers;

/// <summary>The recipe's section Model:Router:Capacity: how many picks an expert takes from a training batch; nothing is dropped outside of training.</summary>
public sealed class CapacityOptions
{
    [Setting("An expert's capacity over its even share of the picks, 1 or more; 0: no limit", Min = 0)]
    public double Factor { get; set; }

    [Setting("What is shared out: all picks of the batch (assignments), or one a token (tokens)", Choices = "assignments|tokens")]
    public string Base { get; set; } = "assignments";
}
