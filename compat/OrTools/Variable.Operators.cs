namespace Google.OrTools.LinearSolver;

/// <content>Operators, with the overloads that OR-Tools has.</content>
public partial class Variable
{
    public static LinearExpr operator +(Variable a, Variable b) => (LinearExpr)a + b;

    public static LinearExpr operator +(Variable a, LinearExpr b) => (LinearExpr)a + b;

    public static LinearExpr operator +(LinearExpr a, Variable b) => a + (LinearExpr)b;

    public static LinearExpr operator +(Variable a, double v) => (LinearExpr)a + v;

    public static LinearExpr operator +(double v, Variable a) => (LinearExpr)a + v;

    public static LinearExpr operator -(Variable a, Variable b) => (LinearExpr)a - b;

    public static LinearExpr operator -(Variable a, LinearExpr b) => (LinearExpr)a - b;

    public static LinearExpr operator -(LinearExpr a, Variable b) => a - (LinearExpr)b;

    public static LinearExpr operator -(Variable a, double v) => (LinearExpr)a - v;

    public static LinearExpr operator -(double v, Variable a) => v - (LinearExpr)a;

    public static LinearExpr operator -(Variable a) => -(LinearExpr)a;

    public static LinearExpr operator *(Variable a, double v) => (LinearExpr)a * v;

    public static LinearExpr operator *(double v, Variable a) => (LinearExpr)a * v;

    public static LinearExpr operator /(Variable a, double v) => (LinearExpr)a / v;

    public static RangeConstraint operator ==(Variable a, double v) => (LinearExpr)a == v;

    public static RangeConstraint operator ==(double v, Variable a) => (LinearExpr)a == v;

    public static RangeConstraint operator !=(Variable a, double v) => (LinearExpr)a != v;

    public static RangeConstraint operator !=(double v, Variable a) => (LinearExpr)a != v;

    public static Equality operator ==(Variable a, LinearExpr b) => (LinearExpr)a == b;

    public static Equality operator ==(LinearExpr a, Variable b) => a == (LinearExpr)b;

    public static Equality operator !=(Variable a, LinearExpr b) => (LinearExpr)a != b;

    public static Equality operator !=(LinearExpr a, Variable b) => a != (LinearExpr)b;

    public static VarEquality operator ==(Variable a, Variable b) => new(a, b, true);

    public static VarEquality operator !=(Variable a, Variable b) => new(a, b, false);

    public static RangeConstraint operator <=(Variable a, double v) => (LinearExpr)a <= v;

    public static RangeConstraint operator <=(double v, Variable a) => (LinearExpr)a >= v;

    public static RangeConstraint operator <=(Variable a, Variable b) => (LinearExpr)a <= b;

    public static RangeConstraint operator <=(Variable a, LinearExpr b) => (LinearExpr)a <= b;

    public static RangeConstraint operator <=(LinearExpr a, Variable b) => a <= (LinearExpr)b;

    public static RangeConstraint operator >=(Variable a, double v) => (LinearExpr)a >= v;

    public static RangeConstraint operator >=(double v, Variable a) => (LinearExpr)a <= v;

    public static RangeConstraint operator >=(Variable a, Variable b) => (LinearExpr)a >= b;

    public static RangeConstraint operator >=(Variable a, LinearExpr b) => (LinearExpr)a >= b;

    public static RangeConstraint operator >=(LinearExpr a, Variable b) => a >= (LinearExpr)b;
}
